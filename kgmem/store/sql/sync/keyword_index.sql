-- name: one_at_a_time
SELECT pg_advisory_xact_lock(hashtextextended('kgmem words', $1))

-- name: life
-- When one session is killed, Postgres empties its shared memory without starting anew; its statistics tell, which it
-- throws away then. A standby has no timeline of its own to write on; pg_walfile_name refuses to be asked there.
SELECT greatest(pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter)) AS started, CASE WHEN NOT pg_is_in_recovery()
       THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer END AS timeline,
       pg_is_in_recovery() AS standby

-- name: loses_memory
-- Whether the keyword index is pg_textsearch's before 1.5, which is not in the WAL.
SELECT EXISTS (
    SELECT 1 FROM pg_extension
    WHERE extname = 'pg_textsearch' AND string_to_array(substring(extversion FROM '^\d+\.\d+'), '.')::int[] < '{1,5}')

-- name: unchecked
-- Without those that an import has set aside: whoever builds them again builds them whole.
SELECT g.id, g.index_name::text AS index_name, g.words_timeline FROM kgmem.graph g
WHERE (g.words_checked IS DISTINCT FROM $1 OR g.words_timeline IS DISTINCT FROM $2) AND g.index_name ~ '^kgm_[0-9]+$'
  AND NOT EXISTS (SELECT 1 FROM kgmem.deferred_index a WHERE a.graph = g.id AND a.name LIKE '%passage_words')
ORDER BY g.id

-- name: checked
SELECT words_checked, words_timeline FROM kgmem.graph WHERE id = $1

-- name: note
UPDATE kgmem.graph SET words_checked = $2, words_timeline = $3 WHERE id = $1

-- name: note_new
UPDATE kgmem.graph SET words_checked = greatest(pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter)),
    words_timeline = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer WHERE id = $1

-- name: summary
SELECT bm25_summarize_index($1)

-- name: passages
SELECT count(*) FROM {index}.passage
