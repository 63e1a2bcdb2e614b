-- The index before knows of no facts among its items. Those that are known now are made again from the relationships;
-- those of the past are parked.
DO $migration$
DECLARE
    graph   record;
    vectors name;
    parking text := $ddl$
CREATE TABLE {index}.parked_past_fact AS SELECT * FROM {index}.past_item WHERE kind = 3;
CREATE TABLE {index}.parked_past_fact_passage AS
    SELECT p.* FROM {index}.past_passage p WHERE p.item IN (SELECT id FROM {index}.past_item WHERE kind = 3);
CREATE TABLE {index}.parked_past_fact_vector AS
    SELECT v.* FROM {index}.past_vector v WHERE v.passage IN (SELECT id FROM {index}.parked_past_fact_passage);
$ddl$;
    taking text := $ddl$
DELETE FROM {index}.unembedded u USING {index}.passage p, {index}.item i
WHERE p.id = u.passage AND i.id = p.item AND i.kind = 3;
DELETE FROM {index}.passage p USING {index}.item i WHERE i.id = p.item AND i.kind = 3;
DELETE FROM {index}.item WHERE kind = 3;
DELETE FROM {index}.past_vector v USING {index}.past_passage p, {index}.past_item i
WHERE p.id = v.passage AND i.id = p.item AND i.kind = 3;
DELETE FROM {index}.past_passage p USING {index}.past_item i WHERE i.id = p.item AND i.kind = 3;
DELETE FROM {index}.past_item WHERE kind = 3;
$ddl$;
BEGIN
    FOR graph IN SELECT '"' || index_name || '"' AS index, space_table, next_space_table FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.past_item', index_name)) IS NOT NULL LOOP
        EXECUTE replace(parking, '{index}', graph.index);
        FOREACH vectors IN ARRAY array_remove(ARRAY[graph.space_table, graph.next_space_table], NULL) LOOP
            EXECUTE replace(replace('DELETE FROM {index}.{table} v USING {index}.item i WHERE i.id = v.item AND i.kind = 3',
                                    '{index}', graph.index), '{table}', quote_ident(vectors));
        END LOOP;
        EXECUTE replace(taking, '{index}', graph.index);
    END LOOP;
END
$migration$;
