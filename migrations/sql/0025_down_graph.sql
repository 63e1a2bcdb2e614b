-- Unique indexes hold every node of their table again. One that nodes which have left the label stand against is left out:
-- kgmem index rebuild makes it once their values differ.
DO $migration$
DECLARE
    g record;
    one record;
BEGIN
    SELECT age_name, index_name INTO STRICT g FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    PERFORM kgmem.drop_unique_tables(g.index_name, g.age_name);
    FOR one IN
        SELECT c.relname, pg_get_indexdef(c.oid) AS made, obj_description(c.oid, 'pg_class') AS told
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = to_regnamespace(quote_ident(g.age_name)) AND c.relname LIKE 'kgmem\_unique\_%'
          AND pg_get_indexdef(c.oid) LIKE '%kgmem.left_table%' ORDER BY 1
    LOOP
        EXECUTE format('DROP INDEX %I.%I', g.age_name, one.relname);
        BEGIN
            EXECUTE regexp_replace(one.made, ', \(\s*CASE\s+WHEN kgmem.left_table\(properties\) THEN id\s+ELSE [^)]*\sEND\)',
                                   '');
            EXECUTE format('COMMENT ON INDEX %I.%I IS %L', g.age_name, one.relname, one.told);
        EXCEPTION WHEN unique_violation THEN
            RAISE NOTICE 'index % is left out: values are not unique', one.relname;
        END;
    END LOOP;
END
$migration$;
