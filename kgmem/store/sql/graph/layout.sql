-- name: labels
SELECT l.id, l.kind, l.name, l.age_name, (a.relation::oid) AS relation,
       format('%I.%I', g.name, a.seq_name)::regclass::oid::bigint AS sequence
FROM {index}.label l
JOIN ag_catalog.ag_graph g ON g.name = $1
JOIN ag_catalog.ag_label a ON a.graph = g.graphid AND a.id = l.id

-- name: age_labels
SELECT a.name::text AS name, a.id, a.kind::text AS kind
FROM ag_catalog.ag_label a JOIN ag_catalog.ag_graph g ON g.graphid = a.graph WHERE g.name = $1

-- name: forget_dropped_labels
DELETE FROM {index}.label l
WHERE NOT EXISTS (SELECT 1 FROM ag_catalog.ag_label a JOIN ag_catalog.ag_graph g ON g.graphid = a.graph
                  WHERE g.name = $1 AND a.id = l.id)

-- name: register_label
INSERT INTO {index}.label (id, kind, name, age_name)
SELECT a.id, $3, $4, a.name
FROM ag_catalog.ag_label a JOIN ag_catalog.ag_graph g ON g.graphid = a.graph WHERE g.name = $1 AND a.name = $2
ON CONFLICT DO NOTHING

-- name: make_scopes
INSERT INTO {index}.scope (path) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: scopes
SELECT id, path FROM {index}.scope WHERE path = ANY ($1::text[])

-- name: make_sources
INSERT INTO {index}.source (key) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING

-- name: sources
SELECT id, key FROM {index}.source WHERE key = ANY ($1::text[])

-- name: make_vertex_label
SELECT ag_catalog.create_vlabel($1::name::cstring, $2::name::cstring)

-- name: make_edge_label
SELECT ag_catalog.create_elabel($1::name::cstring, $2::name::cstring)

-- name: index_edge_ids
CREATE UNIQUE INDEX ON {graph}.{label} (id)
