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
END
$$;
