-- What is archived is in no index that an earlier version reads, and it may hold vectors that callers gave.
DO $migration$
DECLARE
    place name;
    graph_name text;
    is_used boolean := false;
BEGIN
    SELECT index_name, name INTO STRICT place, graph_name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    IF to_regclass(format('%I.archived', place)) IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.archived)', place) INTO is_used;
    END IF;
    IF is_used THEN
        RAISE EXCEPTION 'Graph % has archived items.', graph_name
            USING HINT = 'Run kgmem tiers settings --no-archive and kgmem tiers sweep for it first: they restore them.';
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I.archived, %I.archive_word, %I.archive_space', place, place, place);
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'archive') WHERE index_name = place;
END
$migration$;
