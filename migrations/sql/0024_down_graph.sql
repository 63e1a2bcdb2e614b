-- Make the tables that a graph does not have yet, as they are in kgm_0.
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
    END LOOP;
END
$$;
