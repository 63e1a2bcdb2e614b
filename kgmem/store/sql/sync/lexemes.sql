-- name: create
-- What words a passage has, kept for passages of scopes that are too small for the text index to weigh: to parse a text
-- takes sixty times as long as to read this. Recall stores it (lexemes.py) and parses what is not stored, so that
-- writers pay nothing. The rows are small and read often, so they are not compressed.
CREATE TABLE {index}.lexeme (
    passage bigint PRIMARY KEY,
    length  integer NOT NULL,             -- words of the passage, those that stop words leave
    words   tsvector NOT NULL
) WITH (toast_tuple_target = 8160);

CREATE FUNCTION {index}.forget_lexemes() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    DELETE FROM {index}.lexeme l USING gone g WHERE l.passage = g.id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER forget_lexemes AFTER DELETE ON {index}.passage REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.forget_lexemes();

-- name: create_by_words
-- Passages by the text index, best first, each with the index's own score. A function, because pg_textsearch scores each
-- text a second time (25 to 130 us) where its scan is not in the main plan of a statement but in a WITH. It gives row by
-- row in the list of SELECT, and only as many as are asked for.
CREATE FUNCTION {index}.by_words(asked text, OUT passage bigint, OUT item bigint, OUT value float8) RETURNS SETOF record
LANGUAGE sql STABLE AS $body$
    SELECT p.id, p.item, bm25_get_current_score() FROM {index}.passage p
    ORDER BY p.body <@> to_bm25query(asked, %(words)s)
$body$;

-- name: missing
-- Whether so many passages of small scopes have no lexemes that storing them is worth a transaction.
WITH %(seen)s
SELECT current_setting('transaction_read_only') = 'off' AND (
    SELECT count(*) FROM (
        SELECT 1 FROM seen s
        CROSS JOIN LATERAL (SELECT id FROM {index}.item WHERE scope = s.id OFFSET 0) i
        CROSS JOIN LATERAL (SELECT id FROM {index}.passage WHERE item = i.id OFFSET 0) p
        WHERE NOT (SELECT bool_or(large) FROM seen)
          AND NOT EXISTS (SELECT 1 FROM {index}.lexeme l WHERE l.passage = p.id)
        LIMIT $2::integer) lacking) = $2::integer

-- name: store
INSERT INTO {index}.lexeme (passage, length, words)
SELECT p.id, coalesce((SELECT sum(cardinality(w.positions)) FROM unnest(p.words) w), 0), p.words
FROM (SELECT p.id, to_tsvector('english', p.body) AS words
      FROM {index}.scope s JOIN {index}.item i ON i.scope = s.id JOIN {index}.passage p ON p.item = i.id
      WHERE s.path = ANY ($1::text[]) AND NOT EXISTS (SELECT 1 FROM {index}.lexeme l WHERE l.passage = p.id)
      ORDER BY p.id LIMIT $2::integer) p
ON CONFLICT DO NOTHING

-- name: forget_orphans
DELETE FROM {index}.lexeme l WHERE NOT EXISTS (SELECT 1 FROM {index}.passage p WHERE p.id = l.passage)
