DO $$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.lexeme', index_name)) IS NOT NULL LOOP
        EXECUTE format('DROP TRIGGER forget_lexemes ON %I.passage', graph.index_name);
        EXECUTE format('DROP FUNCTION %I.forget_lexemes', graph.index_name);
        EXECUTE format('DROP FUNCTION IF EXISTS %I.by_words', graph.index_name);
        EXECUTE format('DROP TABLE %I.lexeme', graph.index_name);
    END LOOP;
END
$$;
