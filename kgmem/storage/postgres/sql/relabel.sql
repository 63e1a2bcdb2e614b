-- name: take_id
SELECT ($1::integer::bigint << 48) | nextval($2::bigint::oid::regclass)

-- name: copy_vertex
INSERT INTO {graph}.{label} (id, properties) SELECT $1::graphid, properties FROM {graph}.{former} WHERE id = $2::graphid

-- name: move_starts
UPDATE {graph}.{label} SET start_id = $1::graphid WHERE id = ANY ($3::graphid[]) AND start_id = $2::graphid

-- name: move_ends
UPDATE {graph}.{label} SET end_id = $1::graphid WHERE id = ANY ($3::graphid[]) AND end_id = $2::graphid

-- name: move_edge_starts
UPDATE {index}.edge SET source = $1 WHERE source = $2

-- name: move_edge_ends
UPDATE {index}.edge SET target = $1 WHERE target = $2

-- name: move_item
UPDATE {index}.item SET id = $1 WHERE id = $2

-- name: move_history
UPDATE {index}.history SET id = $1 WHERE id = $2

-- name: move_derived
WITH members AS (
    UPDATE {index}.community_member SET item = $1 WHERE item = $2
), said AS (
    UPDATE {index}.summary SET subject = $1 WHERE kind = 1 AND subject = $2
)
UPDATE {index}.summary_of SET thing = $1 WHERE thing = $2
