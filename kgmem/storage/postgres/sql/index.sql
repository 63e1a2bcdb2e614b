-- name: reindex
REINDEX INDEX {index}.{which}
