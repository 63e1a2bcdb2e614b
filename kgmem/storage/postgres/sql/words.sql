-- name: one_at_a_time
SELECT pg_advisory_xact_lock(hashtextextended('kgmem words', $1))

-- name: checked
SELECT words_checked FROM kgmem.graph WHERE id = $1

-- name: note
UPDATE kgmem.graph SET words_checked = $2 WHERE id = $1

-- name: summary
SELECT bm25_summarize_index($1)

-- name: passages
SELECT count(*) FROM {index}.passage
