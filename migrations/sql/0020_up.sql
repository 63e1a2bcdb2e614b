-- What tells two claims on one topic apart, computed in one place for every way in which claims arrive.
CREATE FUNCTION kgmem.claim_digest(source integer, object text, value jsonb, valid_from text, valid_to text,
                                   confidence real, episode text, begins integer, ends integer)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(concat_ws(E'\x1f', source, coalesce(object, ''), coalesce(value::text, ''),
                                      coalesce(valid_from, ''), coalesce(valid_to, ''), confidence,
                                      coalesce(episode, ''), coalesce(begins::text, ''), coalesce(ends::text, '')), 0)
$$;
