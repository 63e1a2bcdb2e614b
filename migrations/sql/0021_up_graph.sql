-- The words of passages of small scopes, and the text index asked by a function.
DO $migration$
DECLARE
    graph    record;
    tables   text := $ddl$
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
$ddl$;
    by_words text := $ddl$
-- Passages by the text index, best first, each with the index's own score. A function, because pg_textsearch scores each
-- text a second time (25 to 130 us) where its scan is not in the main plan of a statement but in a WITH. It gives row by
-- row in the list of SELECT, and only as many as are asked for.
CREATE FUNCTION {index}.by_words(asked text, OUT passage bigint, OUT item bigint, OUT value float8) RETURNS SETOF record
LANGUAGE sql STABLE AS $body$
    SELECT p.id, p.item, bm25_get_current_score() FROM {index}.passage p
    ORDER BY p.body <@> to_bm25query(asked, '{index}.passage_words')
$body$;
$ddl$;
BEGIN
    -- The function is made also while a large import has set the text index aside.
    SET LOCAL check_function_bodies = off;
    FOR graph IN SELECT '"' || index_name || '"' AS index FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.passage', index_name)) IS NOT NULL LOOP
        EXECUTE replace(tables, '{index}', graph.index);
        IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_textsearch') THEN
            EXECUTE replace(by_words, '{index}', graph.index);
        END IF;
    END LOOP;
END
$migration$;
