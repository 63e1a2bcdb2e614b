-- name: reindex
REINDEX INDEX {index}.{which}

-- name: drop_words
DROP INDEX IF EXISTS {index}.passage_words
