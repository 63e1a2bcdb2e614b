DO $migration$
DECLARE
    schema name := (SELECT index_name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer);
    place  name;
    pair   record;
    thing  record;
BEGIN
    IF to_regnamespace(quote_ident(schema || '_asof')) IS NOT NULL THEN
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', schema || '_asof', schema || '_then');
    END IF;
    FOR pair IN
        SELECT * FROM (VALUES
            ('past_relationship_state', 'past_stance'),
            ('past_source_reliability', 'past_standing'),
            ('entity_name_position', 'named_until'),
            ('predicate_parameters', 'setting'),
            ('similarity_settings', 'connecting'),
            ('relationship_state', 'stance'),
            ('source_reliability', 'standing'),
            ('source_dependence', 'copying'),
            ('extraction_queue', 'unread'),
            ('embedding_queue', 'unembedded'),
            ('merge_candidate', 'likeness'),
            ('community_scope', 'grouped'),
            ('similarity_done', 'compared'),
            ('extraction_run', 'reading'),
            ('consensus_run', 'weighed'),
            ('source_origin', 'kinship'),
            ('adjudication', 'decision'),
            ('entity_name', 'named'),
            ('provenance', 'brought')
        ) AS v (old, new)
    LOOP
        FOREACH place IN ARRAY ARRAY[schema, schema || '_then'] LOOP
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
    IF to_regclass(format('%I.connecting', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I.connecting RENAME COLUMN min_similarity TO least', schema);
        FOR thing IN
            SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(format('%I.connecting', schema))
            AND conname LIKE '%\_min\_similarity\_not\_null'
        LOOP
            EXECUTE format('ALTER TABLE %I.connecting RENAME CONSTRAINT %I TO %I', schema, thing.conname,
                           replace(thing.conname, '_min_similarity_', '_least_'));
        END LOOP;
    END IF;
    IF to_regclass(format('%I.setting', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %I.setting RENAME COLUMN similarity TO likeness', schema);
        FOR thing IN
            SELECT conname FROM pg_constraint WHERE conrelid = to_regclass(format('%I.setting', schema))
            AND conname LIKE '%\_similarity\_not\_null'
        LOOP
            EXECUTE format('ALTER TABLE %I.setting RENAME CONSTRAINT %I TO %I', schema, thing.conname,
                           replace(thing.conname, '_similarity_', '_likeness_'));
        END LOOP;
    END IF;
    IF to_regclass(format('%I.community_by_size', schema)) IS NOT NULL THEN
        EXECUTE format('ALTER INDEX %I.community_by_size RENAME TO community_scope', schema);
    END IF;
END
$migration$;
