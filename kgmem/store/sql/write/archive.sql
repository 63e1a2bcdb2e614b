-- The archive: what is cold, out of the indexes that recall reads first. The text itself is in the label tables alone.

-- name: create
CREATE TABLE {index}.archived (
    item    bigint NOT NULL,
    digest  bigint NOT NULL,              -- of the passage's text, by which it is known whether that is still the same
    since   timestamptz,                  -- of the passage (graph.sql)
    ordinal smallint NOT NULL,
    space   smallint NOT NULL,            -- the number of its embedding space (archive_space)
    signs   varbit NOT NULL,              -- of the vector's numbers (vector_codes.py)
    codes   bytea NOT NULL,               -- two further bits of each
    given   halfvec,                      -- a vector that the caller gave: nobody can make it again
    terms   smallint[]                    -- how many rare words, digests of these, and of the others, as often
                                          -- as each is there; null: from before it had them
) WITH (toast_tuple_target = 8160);
ALTER TABLE {index}.archived ALTER signs SET STORAGE MAIN, ALTER codes SET STORAGE MAIN, ALTER terms SET STORAGE MAIN;
CREATE INDEX archived_item ON {index}.archived (item);

-- Digests of words that many passages have, and the share of passages: they find nothing, and weigh little.
CREATE TABLE {index}.archive_word (
    word  integer PRIMARY KEY,
    share real NOT NULL
);

CREATE TABLE {index}.archive_space (
    id        smallint PRIMARY KEY,
    space     text COLLATE "C" NOT NULL UNIQUE,
    dimension integer NOT NULL,
    words_of  bigint NOT NULL DEFAULT 0,  -- so many passages were archived when archive_word was made
    signs_of  bigint NOT NULL DEFAULT 0   -- so many, when the indexes on signs and terms were made
);

-- name: space
SELECT id, dimension, words_of, signs_of FROM {index}.archive_space WHERE space = $1

-- name: put_space
INSERT INTO {index}.archive_space (id, space, dimension)
SELECT coalesce(max(id), 0) + 1, $1, $2 FROM {index}.archive_space
ON CONFLICT DO NOTHING

-- name: size
-- As of the last ANALYZE.
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass('{index}.archived')

-- name: analyze
ANALYZE {index}.archived, {index}.passage

-- name: common_words
-- Words of a sample of passages, in the indexes and archived ($1: about so many), that more than a share ($2) of them,
-- and more than some ($3), have. What was among them once stays: passages are not indexed by it.
WITH sample AS MATERIALIZED (
    (SELECT ARRAY(SELECT DISTINCT (('x' || left(md5(w.lexeme), 4))::bit(16)::integer - 32768)::smallint
                  FROM unnest(tsvector_to_array(to_tsvector('english', p.body))) AS w (lexeme)) AS terms
     FROM {index}.passage p WHERE p.id % greatest($1::bigint / 2000, 1) = 0 LIMIT 4000)
    UNION ALL
    (SELECT ARRAY(SELECT DISTINCT * FROM unnest(a.terms[2:])) FROM {index}.archived a
     WHERE a.digest % greatest($1::bigint / 2000, 1) = 0 AND a.terms IS NOT NULL LIMIT 4000)
), found AS (
    SELECT w.word, count(*) AS passages FROM sample s CROSS JOIN LATERAL unnest(s.terms) AS w (word) GROUP BY 1
), size AS (
    SELECT count(*)::real AS all_of FROM sample
)
INSERT INTO {index}.archive_word (word, share)
SELECT f.word, f.passages / z.all_of
FROM found f CROSS JOIN size z
WHERE (f.passages > $2::real * z.all_of AND f.passages / z.all_of * $1::float8 > $3::integer)
      OR EXISTS (SELECT FROM {index}.archive_word w WHERE w.word = f.word)
ON CONFLICT (word) DO UPDATE SET share = excluded.share

-- name: words_made
UPDATE {index}.archive_space SET words_of = $2 WHERE id = $1

-- name: signs_made
UPDATE {index}.archive_space SET signs_of = $2 WHERE id = $1

-- name: has_large
-- Whether a scope is so large ($1 items) that searches read it by indexes; what small ones have is read whole.
SELECT EXISTS (SELECT FROM {index}.item GROUP BY scope HAVING count(*) > $1)

-- name: drop_index
DROP INDEX IF EXISTS {index}.{index_name}

-- name: rename_index
ALTER INDEX {index}.{made} RENAME TO {index_name}

-- name: build_memory
-- So many bytes at least, for the transaction: pgvector refuses to build with less than it needs.
SELECT set_config('maintenance_work_mem', ($1::bigint / 1024 + 1)::text || 'kB', true)
WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < $1::bigint

-- name: make_terms
CREATE INDEX {index_name} ON {index}.archived USING gin ((terms[2:terms[1] + 1]))

-- name: make_signs
CREATE INDEX {index_name} ON {index}.archived USING ivfflat ((signs::bit(%(dimension)s)) bit_hamming_ops)
WITH (lists = %(lists)s) WHERE space = %(space)s

-- name: page
-- The next cold episodes that are in the indexes: only these have passages.
SELECT DISTINCT p.item FROM {index}.passage p JOIN {index}.item i ON i.id = p.item AND i.kind = 2 AND i.tier = 2
WHERE p.item > $1 ORDER BY p.item LIMIT $2

-- name: to_archive
-- Of these, what is cold still and has all vectors. Who has locked an item writes to it.
WITH cold AS MATERIALIZED (
    SELECT id FROM {index}.item WHERE id = ANY ($1::bigint[]) AND kind = 2 AND tier = 2
    -- While texts are embedded anew for another space, nothing is archived.
    AND EXISTS (SELECT FROM kgmem.graph g WHERE g.id = $2 AND g.next_space_table IS NULL AND g.space_table = $3)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT p.id, p.item, p.ordinal, p.body, p.since FROM {index}.passage p JOIN cold c ON c.id = p.item ORDER BY p.id FOR UPDATE OF p
)
SELECT h.id, h.item, h.ordinal, h.body, h.since, v.embedding, coalesce(v.given, false) AS given,
       EXISTS (SELECT FROM {index}.embedding_queue u WHERE u.passage = h.id) AS waits,
       t.rare, t.terms
FROM held h LEFT JOIN {index}.{table} v ON v.passage = h.id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE NOT d.common) AS rare, array_agg(d.term ORDER BY d.common, d.term) AS terms
    FROM unnest(to_tsvector('english', h.body)) AS w (lexeme, positions, weights)
    CROSS JOIN LATERAL (SELECT (('x' || left(md5(w.lexeme), 4))::bit(16)::integer - 32768)::smallint AS term) k
    CROSS JOIN LATERAL (SELECT k.term, EXISTS (SELECT FROM {index}.archive_word a WHERE a.word = k.term) AS common) d
    CROSS JOIN generate_series(1, cardinality(w.positions))
) t

-- name: put
INSERT INTO {index}.archived (item, digest, since, ordinal, space, signs, codes, terms, given)
SELECT n.item, n.digest, n.since, n.ordinal, $1, n.signs, n.codes, string_to_array(n.terms, ',')::smallint[], n.given
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[], $5::smallint[], $6::varbit[], $7::bytea[], $8::text[],
            $9::halfvec[]) AS n (item, digest, since, ordinal, signs, codes, terms, given)

-- name: forget_past_passages
-- What triggers have kept of passages that went into the archive in this transaction.
DELETE FROM {index}.past_passage
WHERE id = ANY ($1::bigint[]) AND xmin::text::bigint = pg_current_xact_id()::text::bigint & 4294967295

-- name: forget_past_vectors
DELETE FROM {index}.past_vector WHERE passage = ANY ($1::bigint[])

-- name: digests
SELECT item, ordinal, digest FROM {index}.archived WHERE item = ANY ($1::bigint[])

-- name: digests_between
SELECT item, ordinal, digest FROM {index}.archived WHERE item > $1 AND item <= $2

-- name: any_of
SELECT DISTINCT item FROM {index}.archived WHERE item = ANY ($1::bigint[]) ORDER BY item

-- name: to_restore
SELECT a.item, a.ordinal, a.digest, a.since, a.signs, a.codes, a.given, s.space, s.dimension
FROM {index}.archived a JOIN {index}.archive_space s ON s.id = a.space WHERE a.item = ANY ($1::bigint[])
ORDER BY a.item, a.ordinal FOR UPDATE OF a

-- name: lock_items
SELECT id FROM {index}.item WHERE id = ANY ($1::bigint[]) ORDER BY id FOR NO KEY UPDATE

-- name: delete
DELETE FROM {index}.archived WHERE item = ANY ($1::bigint[])

-- name: insert_passages
INSERT INTO {index}.passage (id, item, ordinal, start, body, since)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::text[], $6::timestamptz[])

-- name: insert_vectors
INSERT INTO {index}.{table} (passage, item, given, embedding)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::halfvec[])

-- name: wait
-- Those with a vector that only a code stands for wait for the exact one ($2), and all for that of a space that is next.
INSERT INTO {index}.embedding_queue (passage, space)
SELECT n.id, substr(s.vectors, length('vector_') + 1)
FROM unnest($1::bigint[], $2::boolean[]) AS n (id, exact) CROSS JOIN kgmem.graph g
CROSS JOIN LATERAL (VALUES (g.space_table, false), (g.next_space_table, true)) AS s (vectors, next)
WHERE g.id = $3 AND s.vectors IS NOT NULL AND (s.next OR NOT n.exact)
ON CONFLICT DO NOTHING

-- name: used_now
-- What is restored is in use, unless somebody has pinned it.
WITH raised AS (
    UPDATE {index}.item i SET tier = 0 WHERE i.id = ANY ($1::bigint[]) AND i.tier = 2
    AND NOT EXISTS (SELECT FROM {index}.item_pin p WHERE p.item = i.id) RETURNING i.id
)
INSERT INTO {index}.item_use AS u (item, used, uses) SELECT id, now(), 0 FROM raised
ON CONFLICT (item) DO UPDATE SET used = excluded.used, moved = NULL

-- name: warmer
-- Archived items that are not cold any more, were archived in another space than the graph's ($3), or without terms.
SELECT DISTINCT a.item FROM {index}.archived a JOIN {index}.item i ON i.id = a.item
JOIN {index}.archive_space s ON s.id = a.space
WHERE a.item > $1 AND (i.tier <> 2 OR s.space <> $3 OR a.terms IS NULL) ORDER BY a.item LIMIT $2

-- name: warmer_of
SELECT DISTINCT a.item FROM {index}.archived a JOIN {index}.item i ON i.id = a.item AND i.tier <> 2
WHERE a.item = ANY ($1::bigint[])

-- name: passages
SELECT coalesce(max(id), 0) - coalesce(min(id), 0) FROM {index}.passage

-- name: next
SELECT DISTINCT item FROM {index}.archived WHERE item > $1 ORDER BY item LIMIT $2

-- name: has_any
SELECT EXISTS (SELECT FROM {index}.archived)

-- name: orphans
-- Of items that are gone, and of those that have passages: another process did not know of the archive.
DELETE FROM {index}.archived a
WHERE NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = a.item) OR EXISTS (SELECT FROM {index}.passage p WHERE p.item = a.item)

-- name: reindex
REINDEX TABLE {index}.archived
