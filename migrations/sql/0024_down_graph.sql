-- Make what a graph does not have yet, as it is in kgm_0.
DO $$
DECLARE
    schema name;
    graph  kgmem.graph;
    absent record;
    part   record;
    one    name;
    has_history boolean;
BEGIN
    SELECT * INTO STRICT graph FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    schema := graph.index_name;
    IF to_regclass(format('%I.item', schema)) IS NULL THEN
        RETURN;
    END IF;
    has_history := 'history' = ANY (graph.subsystems);
    FOR part IN SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
                WHERE pronamespace = 'kgm_0'::regnamespace
                  AND to_regproc(format('%I.%I', schema, proname)) IS NULL
    LOOP
        EXECUTE replace(replace(part.definition, 'kgm_0', schema), 'c.graph = 0 ', format('c.graph = %s ', graph.id));
    END LOOP;
    FOR absent IN SELECT oid, relname, reloptions FROM pg_class
                  WHERE relnamespace = 'kgm_0'::regnamespace AND relkind = 'r'
                    AND to_regclass(format('%I.%I', schema, relname)) IS NULL
    LOOP
        EXECUTE format('CREATE TABLE %1$I.%2$I (LIKE kgm_0.%2$I INCLUDING DEFAULTS INCLUDING IDENTITY)%3$s',
                       schema, absent.relname, ' WITH (' || array_to_string(absent.reloptions, ', ') || ')');
        FOR part IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
                    WHERE conrelid = absent.oid AND contype <> 'n' AND conname <> 'is_not_made'
        LOOP
            EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', schema, absent.relname, part.conname, part.definition);
        END LOOP;
        FOR part IN SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index i WHERE indrelid = absent.oid
                      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        LOOP
            EXECUTE replace(part.definition, ' ON kgm_0.', format(' ON %I.', schema));
        END LOOP;
        FOR part IN SELECT pg_get_triggerdef(oid) AS definition FROM pg_trigger
                    WHERE tgrelid = absent.oid AND NOT tgisinternal
        LOOP
            EXECUTE replace(part.definition, 'kgm_0.', schema || '.');
        END LOOP;
        IF absent.relname = 'named_until' THEN
            EXECUTE format('INSERT INTO %I.named_until VALUES (0)', schema);
        END IF;
    END LOOP;
    IF NOT has_history THEN
        FOREACH one IN ARRAY ARRAY['item', 'edge', 'source'] LOOP
            EXECUTE format('DROP TRIGGER keep ON %I.%I', schema, one);
        END LOOP;
        FOR part IN SELECT pg_get_triggerdef(t.oid) AS definition FROM pg_trigger t
                    WHERE t.tgrelid IN ('kgm_0.item'::regclass, 'kgm_0.edge'::regclass, 'kgm_0.passage'::regclass,
                                        'kgm_0.source'::regclass) AND NOT t.tgisinternal
        LOOP
            EXECUTE replace(part.definition, 'kgm_0.', schema || '.');
        END LOOP;
        FOR part IN SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index i
                    WHERE indrelid IN ('kgm_0.item'::regclass, 'kgm_0.edge'::regclass, 'kgm_0.passage'::regclass,
                                       'kgm_0.change'::regclass)
                      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        LOOP
            EXECUTE replace(part.definition, ' ON kgm_0.', format(' ON %I.', schema));
        END LOOP;
        EXECUTE format('CREATE SCHEMA %I', schema || '_then');
    END IF;
    FOR absent IN SELECT relname, pg_get_viewdef(oid) AS definition FROM pg_class
                  WHERE relnamespace = 'kgm_0_then'::regnamespace AND relkind = 'v'
                    AND to_regclass(format('%I.%I', schema || '_then', relname)) IS NULL
    LOOP
        EXECUTE format('CREATE VIEW %I.%I AS %s', schema || '_then', absent.relname,
                       replace(absent.definition, 'kgm_0.', schema || '.'));
    END LOOP;
    IF NOT has_history AND graph.space_table IS NOT NULL THEN
        EXECUTE replace(replace(replace($ddl$
CREATE TRIGGER keep BEFORE UPDATE ON {index}.{table} FOR EACH ROW EXECUTE FUNCTION {index}.keep_vector();
CREATE TRIGGER keep_gone AFTER DELETE ON {index}.{table} REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.keep_vectors();

CREATE VIEW {then}.{table} AS
SELECT p.id AS passage, p.item, v.embedding
FROM {index}.{table} v JOIN {then}.passage p ON p.id = v.passage
WHERE NOT EXISTS (SELECT 1 FROM {index}.past_vector o WHERE o.passage = v.passage AND o.vectors = '{table}'
                  AND o.until > (SELECT current_setting('kgmem.known_at')::timestamptz))
UNION ALL
SELECT p.id, p.item, o.embedding
FROM (SELECT DISTINCT ON (passage) passage, embedding FROM {index}.past_vector
      WHERE vectors = '{table}' AND until > (SELECT current_setting('kgmem.known_at')::timestamptz)
      ORDER BY passage, until) o
JOIN {then}.passage p ON p.id = o.passage;
        $ddl$, '{index}', quote_ident(schema)), '{then}', quote_ident(schema || '_then')),
                        '{table}', quote_ident(graph.space_table));
    END IF;
END
$$;
