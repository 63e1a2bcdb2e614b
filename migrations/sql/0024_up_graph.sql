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
            ('communities', ARRAY['grouped', 'community', 'community_member']),
            ('similarity', ARRAY['connecting', 'compared']),
            ('summaries', ARRAY['summary', 'summary_of'])
        ) AS listed (name, tables)
        WHERE to_regclass(format('%I.%I', of_graph, listed.tables[1])) IS NOT NULL
    LOOP
        is_used := false;
        FOREACH one IN ARRAY subsystem.tables LOOP
            EXECUTE format('SELECT $1 OR EXISTS (SELECT FROM %I.%I)', of_graph, one) INTO is_used USING is_used;
        END LOOP;
        IF is_used THEN
            UPDATE kgmem.graph SET subsystems = subsystems || subsystem.name WHERE index_name = of_graph;
        ELSE
            FOREACH one IN ARRAY subsystem.tables LOOP
                EXECUTE format('DROP TABLE %I.%I', of_graph, one);
            END LOOP;
        END IF;
    END LOOP;
END
$$;
