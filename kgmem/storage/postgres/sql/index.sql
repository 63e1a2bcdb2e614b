-- name: reindex
REINDEX INDEX {index}.{which}

-- name: drop_words
DROP INDEX {index}.passage_words
