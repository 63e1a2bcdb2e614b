-- Digests of rare words become digests of all words. What is archived has none until the next sweep restores it; it is
-- found by meaning until then.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty table that stands in for that of a graph which archives nothing.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.archived', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('ALTER TABLE %I.archived DROP COLUMN words, ADD COLUMN terms smallint[]', place);
    IF place <> 'kgm_0' THEN
        EXECUTE format('ALTER TABLE %I.archived ALTER terms SET STORAGE MAIN', place);
        EXECUTE format('DELETE FROM %I.archive_word', place);
        EXECUTE format('UPDATE %I.archive_space SET words_of = 0, signs_of = 0', place);
        IF to_regclass(format('%I.tier_settings', place)) IS NOT NULL THEN
            EXECUTE format('UPDATE %I.tier_settings SET active = true', place);
        END IF;
    END IF;
END
$migration$;
