-- Lists too long for a vector and numbers too large for a half one are no vectors either: a write must not fail by them.
CREATE OR REPLACE FUNCTION kgmem.vector_of(value ag_catalog.agtype, dimension integer) RETURNS public.vector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, public AS $$
DECLARE
    told text := ag_catalog.agtype_out(value)::text;
    found public.vector;
BEGIN
    IF told !~ '^\[[-+0-9.eE, ]+\]$' THEN
        RETURN NULL;
    END IF;
    found := told::public.vector;
    IF dimension > 2000 THEN
        PERFORM found::public.halfvec;
    END IF;
    RETURN CASE WHEN public.vector_dims(found) = dimension THEN found END;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
    RETURN NULL;
END
$$;
