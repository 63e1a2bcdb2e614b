-- Where texts are, in any table of a graph and of the server.

-- name: tables
-- Tables of schemas ($1) that have columns with text or bytes: which columns are which, and their pages of 8 kB.
SELECT n.nspname::text AS schema, c.relname::text AS table,
       (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::bigint AS pages,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types,
       coalesce(array_agg(a.attname::text) FILTER (WHERE y.typname = 'bytea'), '{}') AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type y ON y.oid = a.atttypid
WHERE c.relkind = 'r' AND n.nspname = ANY ($1::text[])
GROUP BY n.nspname, c.relname, c.oid
HAVING bool_or(y.typcategory = 'S' OR y.typname IN ('json', 'jsonb', 'agtype', '_text', '_varchar', '_jsonb', 'xml',
                                                     'tsvector', 'bytea', 'name'))
ORDER BY 1, 2

-- name: count
-- Rows from one page on up to another that have one of some texts, in any letters; of whole words by a pattern.
SELECT count(*) FROM ONLY {schema}.{table} t
WHERE t.ctid >= $3::tid AND t.ctid < $4::tid
  AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS s (text, pattern)
              WHERE strpos(lower(t::text), lower(s.text)) > 0 AND (s.pattern IS NULL OR t::text ~* s.pattern))

-- name: rows
-- The same rows: their places, and what is in them as JSON.
SELECT t.ctid::text AS place, to_jsonb(t)::text AS row FROM ONLY {schema}.{table} t
WHERE t.ctid >= $3::tid AND t.ctid < $4::tid
  AND EXISTS (SELECT FROM unnest($1::text[], $2::text[]) AS s (text, pattern)
              WHERE strpos(lower(t::text), lower(s.text)) > 0 AND (s.pattern IS NULL OR t::text ~* s.pattern))
ORDER BY t.ctid LIMIT $5

-- name: packed
-- Values of a column of bytes from one page on up to another that are compressed: by zstd, gzip, zlib or LZ4.
SELECT t.ctid::text AS place, t.{column} AS packed FROM ONLY {schema}.{table} t
WHERE t.ctid >= $1::tid AND t.ctid < $2::tid
  AND (substr(t.{column}, 1, 4) IN ('\x28b52ffd', '\x04224d18') OR substr(t.{column}, 1, 2) IN ('\x1f8b', '\x789c', '\x785e', '\x78da'))

-- name: plain
-- Rows of which a column of bytes has one of some texts as it is.
SELECT count(*) FROM ONLY {schema}.{table} t
WHERE t.ctid >= $2::tid AND t.ctid < $3::tid
  AND EXISTS (SELECT FROM unnest($1::bytea[]) AS s (text) WHERE position(s.text IN t.{column}) > 0)

-- name: statistics
-- What the planner keeps of the columns of these schemas has values of rows.
SELECT count(*) FROM pg_stats t
WHERE t.schemaname = ANY ($1::text[])
  AND EXISTS (SELECT FROM unnest($2::text[]) AS s (text)
              WHERE strpos(lower(concat_ws(' ', t.most_common_vals::text, t.histogram_bounds::text,
                                           t.most_common_elems::text)), lower(s.text)) > 0)

-- name: state_versions
-- Versions of the states of agents, each after the one that it is the difference from.
SELECT v.state, v.version, v.base, v.packed FROM {index}.agent_state_version v
WHERE (v.state, v.version) > ($1, $2) ORDER BY v.state, v.version LIMIT $3
