-- Unique indexes of nodes no longer hold what has left the label of the table, and the values of all nodes that bear a
-- label with unique properties go into one table. What stands twice there already keeps the first of its nodes.
DO $migration$
DECLARE
    g record;
    one record;
BEGIN
    SELECT age_name, index_name INTO STRICT g FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    FOR one IN
        SELECT c.relname, t.relname AS label, pg_get_indexdef(c.oid) AS made, obj_description(c.oid, 'pg_class') AS told
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
        JOIN ag_catalog.ag_label l ON l.relation = t.oid AND l.kind = 'v'
        WHERE t.relnamespace = to_regnamespace(quote_ident(g.age_name)) AND c.relname LIKE 'kgmem\_unique\_%' ORDER BY 1
    LOOP
        EXECUTE format('DROP INDEX %I.%I', g.age_name, one.relname);
        EXECUTE regexp_replace(one.made, '\) NULLS NOT DISTINCT WHERE ',
            ', (CASE WHEN kgmem.left_table(properties) THEN id END)) NULLS NOT DISTINCT WHERE ');
        EXECUTE format('COMMENT ON INDEX %I.%I IS %L', g.age_name, one.relname, one.told);
        PERFORM kgmem.make_unique_tables(g.index_name);
        EXECUTE format($sql$
            INSERT INTO %1$I.unique_rule (label, listed, declared, stored)
            SELECT told ->> 'label', jsonb_build_array(told ->> 'label')::text::ag_catalog.agtype,
                   ARRAY(SELECT jsonb_array_elements_text(p)),
                   ARRAY(SELECT e::text::ag_catalog.agtype FROM jsonb_array_elements(s) WITH ORDINALITY AS x (e, place)
                         ORDER BY place)
            FROM (SELECT $1 AS told, CASE jsonb_typeof($1 -> 'property') WHEN 'array' THEN $1 -> 'property'
                                     ELSE jsonb_build_array($1 -> 'property') END AS p,
                         CASE jsonb_typeof($1 -> 'stored') WHEN 'array' THEN $1 -> 'stored'
                         ELSE jsonb_build_array($1 -> 'stored') END AS s) x
            ON CONFLICT DO NOTHING
        $sql$, g.index_name) USING one.told::jsonb;
    END LOOP;
    PERFORM kgmem.watch_unique_values(g.index_name, g.age_name);
    PERFORM kgmem.fill_unique_values(g.index_name, g.age_name);
END
$migration$;
