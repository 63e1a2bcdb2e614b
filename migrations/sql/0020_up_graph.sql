-- Current claims get the new digest, so that a source that repeats itself still adds nothing.
DO $migration$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.claim', index_name)) IS NOT NULL LOOP
        EXECUTE format($sql$
            UPDATE %1$I.claim c SET stated = d.stated
            FROM (SELECT DISTINCT ON (topic, 3) id, topic,
                         kgmem.claim_digest(source, object, value, valid_from, valid_to, confidence, episode, begins,
                                            ends) AS stated
                  FROM %1$I.claim WHERE known_to IS NULL ORDER BY topic, 3, id) d
            WHERE c.id = d.id AND c.stated <> d.stated
        $sql$, graph.index_name);
    END LOOP;
END
$migration$;
