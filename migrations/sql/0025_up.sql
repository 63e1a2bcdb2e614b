-- Unique values of nodes. A label that has a unique property has one row in <index>.unique_rule, and each node that bears
-- the label, in whatever table, one in <index>.unique_value. Both tables are there only while a graph has such labels.

-- Whether a node does not bear the label of its table: its stored labels begin with an empty text.
CREATE FUNCTION kgmem.left_table(properties ag_catalog.agtype) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"labels"'::ag_catalog.agtype]) IS NOT NULL
       AND ag_catalog.agtype_out(ag_catalog.agtype_access_operator(
               VARIADIC ARRAY[properties, '"labels"'::ag_catalog.agtype]))::text LIKE '[""%'
$$;

-- The values of several properties as one list; null where one of them is absent.
CREATE FUNCTION kgmem.values_together(properties ag_catalog.agtype, stored ag_catalog.agtype[])
RETURNS ag_catalog.agtype LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN count(v.value) = cardinality(stored) THEN ag_catalog.age_collect(v.value) END
    FROM (SELECT ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, u.name]) AS value
          FROM unnest(stored) WITH ORDINALITY AS u (name, place) ORDER BY u.place) v
$$;

-- Make the tables of a graph's unique values, what reads them off a node, and the function of the triggers.
CREATE FUNCTION kgmem.make_unique_tables(index_name name) RETURNS void LANGUAGE plpgsql
AS $make$
BEGIN
    IF to_regclass(format('%I.unique_rule', index_name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format($sql$
        CREATE TABLE %1$I.unique_rule (
            id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            label    text COLLATE "C" NOT NULL,
            listed   ag_catalog.agtype NOT NULL,      -- the label in a list, as further labels are stored
            declared text[] NOT NULL,                 -- the properties, as the schema names them
            stored   ag_catalog.agtype[] NOT NULL,    -- their names in the label tables
            UNIQUE (label, declared)
        );
        CREATE TABLE %1$I.unique_value (
            rule  integer NOT NULL,
            value ag_catalog.agtype NOT NULL,         -- of several properties a list
            scope ag_catalog.agtype,                  -- null for what is shared
            item  ag_catalog.graphid NOT NULL
        );
        CREATE UNIQUE INDEX unique_value_key ON %1$I.unique_value (rule, value, scope) NULLS NOT DISTINCT;
        CREATE UNIQUE INDEX unique_value_item ON %1$I.unique_value (item, rule);

        CREATE FUNCTION %1$I.unique_of(table_label text, properties ag_catalog.agtype)
        RETURNS TABLE (rule integer, value ag_catalog.agtype, scope ag_catalog.agtype) LANGUAGE sql STABLE
        AS $of$
            SELECT r.id, v.value,
                   ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"scope"'::ag_catalog.agtype])
            FROM %1$I.unique_rule r
            CROSS JOIN LATERAL (
                SELECT CASE WHEN cardinality(r.stored) = 1
                            THEN ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, r.stored[1]])
                            ELSE kgmem.values_together(properties, r.stored) END AS value
            ) v
            WHERE v.value IS NOT NULL
              AND ((r.label = table_label COLLATE "C" AND NOT kgmem.left_table(properties))
                   OR ag_catalog.agtype_access_operator(VARIADIC ARRAY[properties, '"labels"'::ag_catalog.agtype])
                      OPERATOR(ag_catalog.@>) r.listed)
        $of$;

        CREATE FUNCTION %1$I.keep_unique() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, ag_catalog, pg_temp
        AS $keep$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                DELETE FROM %1$I.unique_value u USING gone o WHERE u.item = o.id;
                RETURN NULL;
            END IF;
            IF TG_OP = 'UPDATE' THEN
                DELETE FROM %1$I.unique_value u USING came n
                WHERE u.item = n.id
                  AND NOT EXISTS (SELECT 1 FROM %1$I.unique_of(TG_ARGV[0], n.properties) w
                                  WHERE w.rule = u.rule AND w.value = u.value AND w.scope IS NOT DISTINCT FROM u.scope);
                INSERT INTO %1$I.unique_value (rule, value, scope, item)
                SELECT w.rule, w.value, w.scope, n.id FROM came n CROSS JOIN LATERAL %1$I.unique_of(TG_ARGV[0], n.properties) w
                WHERE NOT EXISTS (SELECT 1 FROM %1$I.unique_value u WHERE u.item = n.id AND u.rule = w.rule)
                ORDER BY w.rule, w.value, w.scope;
                RETURN NULL;
            END IF;
            -- In one order for all writers, so that two that want the same values do not wait for each other.
            INSERT INTO %1$I.unique_value (rule, value, scope, item)
            SELECT w.rule, w.value, w.scope, n.id FROM came n CROSS JOIN LATERAL %1$I.unique_of(TG_ARGV[0], n.properties) w
            ORDER BY w.rule, w.value, w.scope;
            RETURN NULL;
        END
        $keep$;
    $sql$, index_name);
END
$make$;

-- Let the tables of all registered labels of a graph with unique values report what is written to them.
CREATE FUNCTION kgmem.watch_unique_values(index_name name, age_name name) RETURNS void LANGUAGE plpgsql
AS $watch$
DECLARE
    one record;
BEGIN
    IF to_regclass(format('%I.unique_rule', index_name)) IS NULL THEN
        RETURN;
    END IF;
    FOR one IN EXECUTE format('SELECT l.age_name, l.name FROM %I.label l WHERE l.kind = 1 ORDER BY l.id', index_name) LOOP
        CONTINUE WHEN NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.relname = one.age_name
                                  AND c.relnamespace = to_regnamespace(quote_ident(watch_unique_values.age_name)));
        CONTINUE WHEN 3 = (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                           WHERE c.relname = one.age_name AND t.tgname LIKE 'kgmem\_unique\_%' AND t.tgenabled <> 'D'
                             AND c.relnamespace = to_regnamespace(quote_ident(watch_unique_values.age_name)));
        EXECUTE format($sql$
            CREATE OR REPLACE TRIGGER kgmem_unique_insert AFTER INSERT ON %2$I.%3$I REFERENCING NEW TABLE AS came
                FOR EACH STATEMENT EXECUTE FUNCTION %1$I.keep_unique(%4$L);
            CREATE OR REPLACE TRIGGER kgmem_unique_update AFTER UPDATE ON %2$I.%3$I REFERENCING NEW TABLE AS came
                FOR EACH STATEMENT EXECUTE FUNCTION %1$I.keep_unique(%4$L);
            CREATE OR REPLACE TRIGGER kgmem_unique_delete AFTER DELETE ON %2$I.%3$I REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION %1$I.keep_unique(%4$L);
        $sql$, index_name, age_name, one.age_name, one.name);
    END LOOP;
END
$watch$;

-- Bring the unique values of some nodes (null: of all) in line with the label tables, and give how many are held by
-- another node, which keeps them.
CREATE FUNCTION kgmem.fill_unique_values(index_name name, age_name name, items ag_catalog.graphid[] DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, ag_catalog, pg_temp
AS $fill$
DECLARE
    wanted bigint := 0;
    filled bigint := 0;
BEGIN
    IF to_regclass(format('%I.unique_rule', index_name)) IS NULL THEN
        RETURN 0;
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE kgmem_wanted ON COMMIT DROP AS '
                   'SELECT w.rule, w.value, w.scope, n.id AS item FROM %2$I._ag_label_vertex n '
                   'JOIN %1$I.label l ON l.id = (n.id::text::bigint >> 48) '
                   'CROSS JOIN LATERAL %1$I.unique_of(l.name, n.properties) w WHERE $1 IS NULL OR n.id = ANY ($1)',
                   index_name, age_name) USING items;
    GET DIAGNOSTICS wanted = ROW_COUNT;
    EXECUTE format('DELETE FROM %1$I.unique_value u WHERE ($1 IS NULL OR u.item = ANY ($1)) AND NOT EXISTS '
                   '(SELECT 1 FROM pg_temp.kgmem_wanted w WHERE w.item = u.item AND w.rule = u.rule '
                   'AND w.value = u.value AND w.scope IS NOT DISTINCT FROM u.scope)', index_name) USING items;
    EXECUTE format('INSERT INTO %1$I.unique_value (rule, value, scope, item) '
                   'SELECT rule, value, scope, item FROM pg_temp.kgmem_wanted ORDER BY rule, value, scope, item '
                   'ON CONFLICT DO NOTHING', index_name);
    EXECUTE format('SELECT count(*) FROM pg_temp.kgmem_wanted w JOIN %1$I.unique_value u '
                   'ON u.item = w.item AND u.rule = w.rule', index_name) INTO filled;
    DROP TABLE pg_temp.kgmem_wanted;
    RETURN wanted - filled;
END
$fill$;

-- Drop the tables of a graph's unique values, with the triggers.
CREATE FUNCTION kgmem.drop_unique_tables(index_name name, age_name name) RETURNS void LANGUAGE plpgsql
AS $drop$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %1$I.unique_rule, %1$I.unique_value', index_name);
    EXECUTE format('DROP FUNCTION IF EXISTS %1$I.unique_of(text, ag_catalog.agtype)', index_name);
    EXECUTE format('DROP FUNCTION IF EXISTS %1$I.keep_unique() CASCADE', index_name);
END
$drop$;
