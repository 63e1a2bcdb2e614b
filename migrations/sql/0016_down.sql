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
    RETURN CASE WHEN public.vector_dims(found) = dimension THEN found END;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
