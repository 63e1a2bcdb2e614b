-- Renames only: no row is written, and nothing is read but the catalog.
DO $migration$
DECLARE
    schema name := (SELECT index_name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer);
    place  name;
    pair   record;
    thing  record;
BEGIN
    IF to_regnamespace(quote_ident(schema || '_then')) IS NOT NULL THEN
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', schema || '_then', schema || '_asof');
    END IF;
    IF to_regclass(format('%I.community_scope', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER INDEX %I.community_scope RENAME TO community_by_size', schema);
    END IF;
    FOR pair IN
        SELECT * FROM (VALUES
            ('past_standing', 'past_source_reliability'),
            ('named_until', 'entity_name_position'),
            ('past_stance', 'past_relationship_state'),
            ('unembedded', 'embedding_queue'),
            ('connecting', 'similarity_settings'),
            ('likeness', 'merge_candidate'),
            ('standing', 'source_reliability'),
            ('compared', 'similarity_done'),
            ('decision', 'adjudication'),
            ('brought', 'provenance'),
            ('reading', 'extraction_run'),
            ('setting', 'predicate_parameters'),
            ('copying', 'source_dependence'),
            ('grouped', 'community_scope'),
            ('weighed', 'consensus_run'),
            ('kinship', 'source_origin'),
            ('unread', 'extraction_queue'),
            ('stance', 'relationship_state'),
            ('named', 'entity_name')
        ) AS v (old, new)
    LOOP
        FOREACH place IN ARRAY ARRAY[schema, schema || '_asof'] LOOP
            CONTINUE WHEN to_regclass(format('%I.%I', place, pair.old)) IS NULL;
            IF place <> schema THEN
                EXECUTE format('ALTER VIEW %I.%I RENAME TO %I', place, pair.old, pair.new);
                CONTINUE;
            END IF;
            EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', place, pair.old, pair.new);
            FOR thing IN
                SELECT o.conrelid::regclass AS at, o.conname AS name FROM pg_constraint o
                WHERE o.connamespace = to_regnamespace(quote_ident(place)) AND starts_with(o.conname, pair.old || '_')
                  AND (o.conrelid = to_regclass(format('%I.%I', place, pair.new))
                       OR o.conrelid = to_regclass(format('%I.%I', place, 'past_' || pair.new)))
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', thing.at, thing.name,
                               pair.new || substr(thing.name, length(pair.old) + 1));
            END LOOP;
            FOR thing IN
                SELECT i.relname AS name, i.relkind AS kind FROM pg_depend d JOIN pg_class i ON i.oid = d.objid
                WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
                  AND d.refobjid = to_regclass(format('%I.%I', place, pair.new)) AND i.relkind IN ('i', 'S')
                  AND starts_with(i.relname, pair.old || '_')
                UNION SELECT i.relname, i.relkind FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                WHERE x.indrelid = to_regclass(format('%I.%I', place, pair.new)) AND starts_with(i.relname, pair.old || '_')
            LOOP
                EXECUTE format('ALTER %s %I.%I RENAME TO %I', CASE thing.kind WHEN 'S' THEN 'SEQUENCE' ELSE 'INDEX' END,
                               place, thing.name, pair.new || substr(thing.name, length(pair.old) + 1));
            END LOOP;
        END LOOP;
    END LOOP;
    IF to_regclass(format('%I.similarity_settings', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I.similarity_settings RENAME COLUMN least TO min_similarity', schema);
        FOR thing IN
            SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(format('%I.similarity_settings', schema))
            AND conname LIKE '%\_least\_not\_null'
        LOOP
            EXECUTE format('ALTER TABLE %I.similarity_settings RENAME CONSTRAINT %I TO %I', schema, thing.conname,
                           replace(thing.conname, '_least_', '_min_similarity_'));
        END LOOP;
    END IF;
    IF to_regclass(format('%I.predicate_parameters', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I.predicate_parameters RENAME COLUMN likeness TO similarity', schema);
        FOR thing IN
            SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(format('%I.predicate_parameters', schema))
            AND conname LIKE '%\_likeness\_not\_null'
        LOOP
            EXECUTE format('ALTER TABLE %I.predicate_parameters RENAME CONSTRAINT %I TO %I', schema, thing.conname,
                           replace(thing.conname, '_likeness_', '_similarity_'));
        END LOOP;
    END IF;
END
$migration$;
