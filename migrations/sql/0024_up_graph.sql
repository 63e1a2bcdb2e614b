-- A subsystem that holds nothing loses its tables until its first use.
DO $$
DECLARE
    of_graph  name;
    subsystem record;
    one       name;
    is_used   boolean;
BEGIN
    SELECT index_name INTO STRICT of_graph FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    FOR subsystem IN SELECT * FROM (VALUES
            ('claims', ARRAY['topic', 'claim', 'fact', 'stance', 'standing', 'past_fact', 'past_stance', 'past_standing',
                'setting', 'copying', 'weighed', 'kinship', 'correlation', 'decision']),
            ('merges', ARRAY['merge', 'likeness']),
            ('names', ARRAY['named', 'named_until']),
            ('extraction', ARRAY['unread', 'reading', 'brought']),
            ('communities', ARRAY['grouped', 'community', 'community_member']),
            ('similarity', ARRAY['connecting', 'compared']),
            ('summaries', ARRAY['summary', 'summary_of'])
        ) AS listed (name, tables)
        WHERE to_regclass(format('%I.%I', of_graph, listed.tables[1])) IS NOT NULL
    LOOP
        is_used := false;
        FOREACH one IN ARRAY subsystem.tables LOOP
            -- This one always has a row.
            IF one <> 'named_until' THEN
                EXECUTE format('SELECT $1 OR EXISTS (SELECT FROM %I.%I)', of_graph, one) INTO is_used USING is_used;
            END IF;
        END LOOP;
        IF is_used THEN
            UPDATE kgmem.graph SET subsystems = subsystems || subsystem.name WHERE index_name = of_graph;
        ELSE
            FOREACH one IN ARRAY subsystem.tables LOOP
                EXECUTE format('DROP TABLE %I.%I CASCADE', of_graph, one);
            END LOOP;
            IF subsystem.name = 'claims' THEN
                EXECUTE format('DROP FUNCTION %I.keep_verdict', of_graph);
            END IF;
        END IF;
    END LOOP;
    IF to_regclass(format('%I.past_item', of_graph)) IS NULL THEN
        RETURN;
    END IF;
    -- The history of a graph in which nothing was ever stored; triggers go with their functions.
    SELECT 'claims' = ANY (subsystems) INTO is_used FROM kgmem.graph WHERE index_name = of_graph;
    FOREACH one IN ARRAY ARRAY['item', 'edge', 'source', 'passage', 'history', 'change'] LOOP
        EXECUTE format('SELECT $1 OR EXISTS (SELECT FROM %I.%I)', of_graph, one) INTO is_used USING is_used;
    END LOOP;
    IF is_used THEN
        UPDATE kgmem.graph SET subsystems = ARRAY['history'] || subsystems WHERE index_name = of_graph;
        RETURN;
    END IF;
    EXECUTE format('DROP SCHEMA %I CASCADE', of_graph || '_then');
    FOREACH one IN ARRAY ARRAY['past_item', 'past_passage', 'past_vector', 'past_edge', 'past_source', 'lexeme'] LOOP
        EXECUTE format('DROP TABLE %I.%I', of_graph, one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['keep_item', 'keep_items', 'keep_edge', 'keep_edges', 'keep_passage', 'keep_passages',
                               'keep_vector', 'keep_vectors', 'keep_source', 'is_certain', 'forget_lexemes'] LOOP
        EXECUTE format('DROP FUNCTION %I.%I CASCADE', of_graph, one);
    END LOOP;
    -- The secondary indexes of empty tables.
    FOR one IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indrelid IN (SELECT to_regclass(format('%I.%I', of_graph, listed))
                                    FROM unnest(ARRAY['item', 'edge', 'passage', 'change']) AS listed)
                 AND c.relname <> 'passage_words' AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = c.oid)
    LOOP
        EXECUTE format('DROP INDEX %I.%I', of_graph, one);
    END LOOP;
    FOREACH one IN ARRAY ARRAY['item', 'edge', 'source'] LOOP
        EXECUTE format('CREATE TRIGGER keep BEFORE INSERT ON %I.%I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION kgmem.history_is_not_made()', of_graph, one);
    END LOOP;
END
$$;
