-- What tells two claims on one topic apart, computed in one place for every way in which claims arrive.
CREATE FUNCTION kgmem.claim_digest(source integer, object text, value jsonb, valid_from text, valid_to text,
                                   confidence real, episode text, begins integer, ends integer)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(concat_ws(E'\x1f', source, coalesce(object, ''), coalesce(value::text, ''),
                                      coalesce(valid_from, ''), coalesce(valid_to, ''), confidence,
                                      coalesce(episode, ''), coalesce(begins::text, ''), coalesce(ends::text, '')), 0)
$$;

-- Current claims get the new digest, so that a source that repeats itself still adds nothing.
DO $migration$
DECLARE
    graph record;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE to_regclass(format('%I.claim', index_name)) IS NOT NULL LOOP
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
