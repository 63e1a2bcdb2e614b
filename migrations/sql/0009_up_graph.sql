DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT '"' || index_name || '"' AS index FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.parked_past_fact', index_name)) IS NOT NULL LOOP
        EXECUTE replace($ddl$
            INSERT INTO {index}.past_item SELECT * FROM {index}.parked_past_fact;
            INSERT INTO {index}.past_passage SELECT * FROM {index}.parked_past_fact_passage;
            INSERT INTO {index}.past_vector SELECT * FROM {index}.parked_past_fact_vector;
            DROP TABLE {index}.parked_past_fact, {index}.parked_past_fact_passage, {index}.parked_past_fact_vector;
        $ddl$, '{index}', graph.index);
    END LOOP;
END
$$;
