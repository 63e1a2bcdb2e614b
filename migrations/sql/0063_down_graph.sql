-- An earlier version reads digests of rare words. What is archived has none there: it is found by meaning.
DO $migration$
DECLARE
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.archived', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %I.archived DROP COLUMN terms, ADD COLUMN words integer[] NOT NULL DEFAULT ''{}''', place);
    EXECUTE format('ALTER TABLE %I.archived ALTER words DROP DEFAULT', place);
    IF place <> 'kgm_0' THEN
        EXECUTE format('ALTER TABLE %I.archived ALTER words SET STORAGE MAIN', place);
        EXECUTE format('CREATE INDEX archived_words ON %I.archived USING gin (words)', place);
        EXECUTE format('DELETE FROM %I.archive_word', place);
        EXECUTE format('UPDATE %I.archive_space SET words_of = 0', place);
    END IF;
END
$migration$;
