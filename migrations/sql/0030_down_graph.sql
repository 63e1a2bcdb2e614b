-- Restore the former names of the columns with hashes.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of subsystems which a graph has not used.
    of_graph name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
    pair   record;
    thing  record;
BEGIN
    FOR pair IN SELECT * FROM (VALUES ('content_hash', 'stated'), ('parallel_edge_hash', 'discriminator')) AS v (old, new) LOOP
        -- Tables, and the views of them as of an earlier time.
        FOR thing IN
            SELECT a.attrelid::regclass AS at FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relnamespace IN (to_regnamespace(quote_ident(of_graph)), to_regnamespace(quote_ident(of_graph || '_asof')))
              AND c.relkind IN ('r', 'v') AND a.attname = pair.old
        LOOP
            EXECUTE format('ALTER TABLE %s RENAME COLUMN %I TO %I', thing.at, pair.old, pair.new);
        END LOOP;
        -- Constraints, to which NOT NULL belongs from Postgres 18 on.
        FOR thing IN
            SELECT o.conrelid::regclass AS at, o.conname AS name FROM pg_constraint o
            WHERE o.connamespace = to_regnamespace(quote_ident(of_graph))
              AND o.conname LIKE '%' || replace(pair.old, '_', '\_') || '\_not\_null'
        LOOP
            EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', thing.at, thing.name,
                           replace(thing.name, pair.old, pair.new));
        END LOOP;
        -- Functions of triggers that keep what was known earlier.
        FOR thing IN
            SELECT pg_get_functiondef(p.oid) AS definition FROM pg_proc p
            WHERE p.pronamespace = to_regnamespace(quote_ident(of_graph)) AND p.prosrc ~ ('\m' || pair.old || '\M')
        LOOP
            EXECUTE regexp_replace(thing.definition, '\m' || pair.old || '\M', pair.new, 'g');
        END LOOP;
    END LOOP;
    IF to_regclass(format('%I.claim_content_hash', of_graph)) IS NOT NULL THEN
        EXECUTE format('ALTER INDEX %I.claim_content_hash RENAME TO claim_stated', of_graph);
    END IF;
    -- Merges keep the rows that undoing them restores.
    IF to_regclass(format('%I.merge', of_graph)) IS NOT NULL THEN
        EXECUTE format($sql$
            UPDATE %I.merge m SET record = m.record || jsonb_build_object(
                'item', (m.record -> 'item') - 'content_hash' || jsonb_build_object('stated', m.record -> 'item' -> 'content_hash'),
                'dropped', (SELECT coalesce(jsonb_agg(d.dropped || jsonb_build_object('edge',
                    (d.dropped -> 'edge') - ARRAY['content_hash', 'parallel_edge_hash'] || jsonb_build_object(
                        'stated', d.dropped -> 'edge' -> 'content_hash',
                        'discriminator', d.dropped -> 'edge' -> 'parallel_edge_hash')) ORDER BY d.place), '[]')
                    FROM jsonb_array_elements(m.record -> 'dropped') WITH ORDINALITY AS d (dropped, place)))
        $sql$, of_graph);
    END IF;
END
$migration$;
