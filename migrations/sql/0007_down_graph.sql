DO $$
DECLARE
    graph   record;
    vectors name;
BEGIN
    FOR graph IN SELECT quote_ident(index_name) AS index, quote_ident(index_name || '_then') AS later,
                        space_table, next_space_table
                 FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.past_item', index_name)) IS NOT NULL LOOP
        EXECUTE format('DROP SCHEMA %s CASCADE', graph.later);
        FOREACH vectors IN ARRAY array_remove(ARRAY[graph.space_table, graph.next_space_table], NULL) LOOP
            EXECUTE format('DROP TRIGGER keep ON %1$s.%2$I; DROP TRIGGER keep_gone ON %1$s.%2$I', graph.index, vectors);
        END LOOP;
        EXECUTE replace($ddl$
            DROP TRIGGER keep ON {index}.item;
            DROP TRIGGER keep_gone ON {index}.item;
            DROP TRIGGER keep ON {index}.edge;
            DROP TRIGGER keep_gone ON {index}.edge;
            DROP TRIGGER keep ON {index}.passage;
            DROP TRIGGER keep_gone ON {index}.passage;
            DROP TRIGGER keep ON {index}.source;
            DROP FUNCTION {index}.keep_item, {index}.keep_items, {index}.keep_edge, {index}.keep_edges,
                {index}.keep_passage, {index}.keep_passages, {index}.keep_vector, {index}.keep_vectors,
                {index}.keep_source, {index}.is_certain;
            CREATE TABLE {index}.parked_since AS
                SELECT 'item' AS kind, id, since FROM {index}.item WHERE since IS NOT NULL
                UNION ALL SELECT 'edge', id, since FROM {index}.edge WHERE since IS NOT NULL
                UNION ALL SELECT 'passage', id, since FROM {index}.passage WHERE since IS NOT NULL
                UNION ALL SELECT 'source', id, since FROM {index}.source WHERE since IS NOT NULL
                UNION ALL SELECT 'last', coalesce(max(id), 0), NULL FROM {index}.passage;
            DROP INDEX {index}.item_timeless;
            ALTER TABLE {index}.item DROP COLUMN since;
            ALTER TABLE {index}.edge DROP COLUMN since;
            ALTER TABLE {index}.passage DROP COLUMN since;
            ALTER TABLE {index}.source DROP COLUMN since;
            ALTER TABLE {index}.past_item RENAME TO parked_past_item;
            ALTER TABLE {index}.past_passage RENAME TO parked_past_passage;
            ALTER TABLE {index}.past_vector RENAME TO parked_past_vector;
            ALTER TABLE {index}.past_edge RENAME TO parked_past_edge;
            ALTER TABLE {index}.past_source RENAME TO parked_past_source;
        $ddl$, '{index}', graph.index);
    END LOOP;
END
$$;
