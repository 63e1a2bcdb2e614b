-- Make what a graph does not have yet, as it is in kgm_0.
DO $$
DECLARE
    schema name;
    absent record;
    part   record;
BEGIN
    SELECT index_name INTO STRICT schema FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    IF to_regclass(format('%I.item', schema)) IS NULL THEN
        RETURN;
    END IF;
    FOR part IN SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
                WHERE pronamespace = 'kgm_0'::regnamespace
                  AND to_regproc(format('%I.%I', schema, proname)) IS NULL
    LOOP
        EXECUTE replace(part.definition, 'kgm_0.', schema || '.');
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
    FOR absent IN SELECT relname, pg_get_viewdef(oid) AS definition FROM pg_class
                  WHERE relnamespace = 'kgm_0_then'::regnamespace AND relkind = 'v'
                    AND to_regclass(format('%I.%I', schema || '_then', relname)) IS NULL
    LOOP
        EXECUTE format('CREATE VIEW %I.%I AS %s', schema || '_then', absent.relname,
                       replace(absent.definition, 'kgm_0.', schema || '.'));
    END LOOP;
END
$$;
