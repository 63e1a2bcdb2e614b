-- A pool of graphs for tests: making a graph takes some fifty times as long as emptying one.
CREATE SCHEMA kgmem_test;

-- What a graph was like when it was new: its row of the register, the shape of its schemas, the rows of its tables.
CREATE TABLE kgmem_test.pooled (
    id        integer PRIMARY KEY,
    register  jsonb NOT NULL,
    shape     text NOT NULL,
    labels    text[] NOT NULL,
    contents  jsonb NOT NULL,
    sequences jsonb NOT NULL
);

-- All tables, views, columns, indexes, constraints, triggers and functions of some schemas, as one digest; the third may
-- have any name.
CREATE FUNCTION kgmem_test.shape(schemas name[]) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT md5(string_agg(part, E'\n' ORDER BY part COLLATE "C")) FROM (
        SELECT replace(part, quote_ident(schemas[3]) || '.', 'age.') AS part FROM (
        SELECT format('%s %s %s %s', c.relname, c.relkind, pg_get_indexdef(c.oid),
                      (SELECT string_agg(a.attname || ' ' || a.atttypid, ',' ORDER BY a.attnum)
                       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)) AS part
        FROM pg_class c WHERE c.relnamespace = ANY (SELECT to_regnamespace(quote_ident(s)) FROM unnest(schemas) s)
        UNION ALL
        SELECT format('constraint %s %s %s', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid)) FROM pg_constraint o
        WHERE o.connamespace = ANY (SELECT to_regnamespace(quote_ident(s)) FROM unnest(schemas) s)
        UNION ALL
        SELECT format('trigger %s %s %s', c.relname, t.tgname, t.tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = ANY (SELECT to_regnamespace(quote_ident(s)) FROM unnest(schemas) s)
        UNION ALL
        SELECT format('function %s', p.oid::regprocedure) FROM pg_proc p
        WHERE p.pronamespace = ANY (SELECT to_regnamespace(quote_ident(s)) FROM unnest(schemas) s)
        ) AS parts
    ) AS parts
$$;

CREATE FUNCTION kgmem_test.labels(age_name name) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(l.name::text ORDER BY l.id)
    FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph g ON g.graphid = l.graph WHERE g.name = age_name
$$;

-- Remember a graph as it is now, to be made that again by kgmem_test.park.
CREATE FUNCTION kgmem_test.pool(graph_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g kgmem.graph;
    relation regclass;
    kept jsonb;
    contents jsonb := '{}';
BEGIN
    SELECT * INTO STRICT g FROM kgmem.graph WHERE name = graph_name;
    FOR relation IN SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace IN (to_regnamespace(g.index_name), to_regnamespace(quote_ident(g.age_name)))
    LOOP
        EXECUTE format('SELECT jsonb_agg(to_jsonb(t)) FROM ONLY %s AS t', relation) INTO kept;
        IF kept IS NOT NULL THEN
            contents := contents || jsonb_build_object(relation::oid::text, kept);
        END IF;
    END LOOP;
    INSERT INTO kgmem_test.pooled
    VALUES (g.id, to_jsonb(g), kgmem_test.shape(ARRAY[g.index_name, g.index_name || '_asof', g.age_name]),
            kgmem_test.labels(g.age_name), contents,
            (SELECT jsonb_object_agg(oid::text, CASE relkind WHEN 'S' THEN pg_sequence_last_value(oid) END) FROM pg_class
             WHERE relkind = 'S'
               AND relnamespace IN (to_regnamespace(g.index_name), to_regnamespace(quote_ident(g.age_name)))));
END
$$;

-- Make a graph of the pool as it was when it was new, and take it out of the register until kgmem_test.take; false where
-- only making another graph can do that.
CREATE FUNCTION kgmem_test.park(graph_id integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    p kgmem_test.pooled;
    fresh kgmem.graph;
    added text;
    relation record;
BEGIN
    SELECT * INTO STRICT p FROM kgmem_test.pooled WHERE id = graph_id;
    fresh := jsonb_populate_record(NULL::kgmem.graph, p.register);
    DELETE FROM kgmem.hold WHERE graph = graph_id;
    PERFORM kgmem.guard_holds(graph_id, fresh.index_name, false);
    FOR added IN
        SELECT l.name FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph a ON a.graphid = l.graph
        WHERE a.name = fresh.age_name AND l.name::text <> ALL (p.labels) ORDER BY l.id DESC
    LOOP
        PERFORM ag_catalog.drop_label(fresh.age_name, added::name);
    END LOOP;
    IF p.shape IS DISTINCT FROM
       kgmem_test.shape(ARRAY[fresh.index_name, fresh.index_name || '_asof', fresh.age_name]) THEN
        RETURN false;
    END IF;
    FOR relation IN
        SELECT c.oid::regclass AS name,
               EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'append_only') AS guarded,
               c.reltuples > 0 OR pg_relation_size(c.oid) > 100000 OR special.amname IS NOT NULL AS anew,
               CASE special.amname WHEN 'bm25' THEN special.indexrelid::regclass END AS words,
               CASE special.amname WHEN 'bm25' THEN pg_get_indexdef(special.indexrelid) END AS made
        FROM pg_class c LEFT JOIN LATERAL (
            SELECT i.indexrelid, m.amname FROM pg_index i JOIN pg_class k ON k.oid = i.indexrelid JOIN pg_am m ON m.oid = k.relam
            WHERE i.indrelid = c.oid AND m.amname IN ('bm25', 'hnsw')
        ) AS special ON true
        WHERE c.relkind = 'r' AND (pg_relation_size(c.oid) > 0 OR c.relname ~ '^(past_|history$|change$)')
          AND c.relnamespace IN (to_regnamespace(fresh.index_name), to_regnamespace(quote_ident(fresh.age_name)))
        -- What is deleted is kept by triggers: the tables that keep it come last.
        ORDER BY c.relname ~ '^(past_|history$|change$)', c.oid
    LOOP
        -- Indexes of words and vectors would go on counting dead rows: such a table begins anew. What sessions know of
        -- an index of pg_textsearch outlives TRUNCATE, so that index is another one afterwards.
        IF relation.words IS NOT NULL THEN
            EXECUTE format('DROP INDEX %s', relation.words);
        END IF;
        IF relation.guarded THEN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER append_only', relation.name);
        END IF;
        EXECUTE format(CASE WHEN relation.anew THEN 'TRUNCATE %s CASCADE' ELSE 'DELETE FROM ONLY %s' END, relation.name);
        IF relation.made IS NOT NULL THEN
            EXECUTE relation.made;
        END IF;
    END LOOP;
    FOR relation IN SELECT key::oid::regclass AS name, value FROM jsonb_each(p.contents) LOOP
        EXECUTE format('INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::%s, $1)',
                       relation.name, relation.name) USING relation.value;
    END LOOP;
    FOR relation IN
        SELECT t.tgrelid::regclass AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE t.tgname = 'append_only' AND t.tgenabled = 'D' AND c.relnamespace = to_regnamespace(fresh.index_name)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER append_only', relation.name);
    END LOOP;
    -- The numbers of labels go on: statements are kept by them, and AGE does not use one twice either.
    FOR relation IN
        SELECT c.oid::regclass AS name, s.seqstart, (p.sequences ->> c.oid::text)::bigint AS used
        FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
        WHERE c.relnamespace IN (to_regnamespace(fresh.index_name), to_regnamespace(quote_ident(fresh.age_name)))
          AND c.relname <> '_label_id_seq' AND CASE c.relkind WHEN 'S' THEN pg_sequence_last_value(c.oid) END
              IS DISTINCT FROM (p.sequences ->> c.oid::text)::bigint
    LOOP
        PERFORM setval(relation.name, coalesce(relation.used, relation.seqstart), relation.used IS NOT NULL);
    END LOOP;
    FOR relation IN
        SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'kgmem'::regnamespace AND c.relkind = 'r'
          AND a.attname = 'graph' AND a.atttypid = 'integer'::regtype
    LOOP
        EXECUTE format('DELETE FROM %s WHERE graph = $1', relation.name) USING graph_id;
    END LOOP;
    DELETE FROM kgmem.graph WHERE id = graph_id;
    RETURN true;
END
$$;

-- Register a parked graph under a name; gives the schema of its index.
CREATE FUNCTION kgmem_test.take(graph_id integer, new_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    held jsonb;
    fresh kgmem.graph;
    label record;
BEGIN
    SELECT register INTO STRICT held FROM kgmem_test.pooled WHERE id = graph_id;
    fresh := jsonb_populate_record(NULL::kgmem.graph, held || jsonb_build_object('name', new_name));
    -- AGE's graph bears the name of kgmem's wherever AGE allows it, as that of a new one does.
    fresh.age_name := CASE WHEN new_name ~ '^(?!pg_|kgm|kgraph_)[A-Za-z][A-Za-z0-9_]{2,61}$'
                           THEN new_name ELSE 'kgraph_' || graph_id END;
    IF fresh.age_name <> held ->> 'age_name' THEN
        PERFORM ag_catalog.alter_graph((held ->> 'age_name')::name, 'RENAME', fresh.age_name);
        -- The ids that AGE gives by default name the graph as it was called when the label was made.
        FOR label IN
            SELECT l.relation, l.name, format('%I.%I', fresh.age_name, l.seq_name) AS sequence
            FROM ag_catalog.ag_label l JOIN ag_catalog.ag_graph g ON g.graphid = l.graph WHERE g.name = fresh.age_name
        LOOP
            EXECUTE format(
                'ALTER TABLE ONLY %s ALTER COLUMN id SET DEFAULT ag_catalog._graphid('
                'ag_catalog._label_id(%L::name, %L::name)::integer, nextval(%L::regclass))',
                label.relation, fresh.age_name, label.name, label.sequence);
        END LOOP;
    END IF;
    fresh.created_at := now();
    INSERT INTO kgmem.graph OVERRIDING SYSTEM VALUE SELECT (fresh).*;
    UPDATE kgmem_test.pooled SET register = to_jsonb(fresh) WHERE id = graph_id;
    RETURN fresh.index_name;
END
$$;

-- Empty what is not of one graph: keys, jobs, imports and the like. Graphs stay.
-- Triggers of procrastinate look for its tables.
CREATE FUNCTION kgmem_test.clean() RETURNS void LANGUAGE plpgsql SET search_path = kgmem_jobs, pg_catalog AS $$
DECLARE
    relation regclass;
BEGIN
    PERFORM set_config('kgmem.audit_retention', 'on', true);
    UPDATE kgmem.audit_state SET last_id = 0, last_hash = sha256('kgmem audit log'), base_id = 0,
        base_hash = sha256('kgmem audit log') WHERE last_id > 0;
    FOR relation IN
        SELECT oid FROM pg_class
        WHERE relkind = 'r' AND relnamespace IN ('kgmem'::regnamespace, 'kgmem_jobs'::regnamespace)
          AND relname NOT IN ('alembic_version', 'graph', 'audit_state') AND pg_relation_size(oid) > 0
        ORDER BY relname = 'procrastinate_jobs'
    LOOP
        EXECUTE format('DELETE FROM %s', relation);
    END LOOP;
    PERFORM setval(s.seqrelid, s.seqstart, false)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    WHERE c.relnamespace IN ('kgmem'::regnamespace, 'kgmem_jobs'::regnamespace) AND c.relname <> 'graph_id_seq';
END
$$;
