-- A property as a vector; NULL where it is none of that size, so that any value can be stored beside.
CREATE FUNCTION kgmem.vector_of(value ag_catalog.agtype, dimension integer) RETURNS public.vector
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

-- The words of properties. Of a text its own; of anything else those of how it is written.
CREATE FUNCTION kgmem.words_of(VARIADIC given ag_catalog.agtype[]) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog AS $$
DECLARE
    value ag_catalog.agtype;
    told text;
    words text := '';
BEGIN
    FOREACH value IN ARRAY given LOOP
        told := ag_catalog.agtype_out(value)::text;
        words := words || ' ' || CASE
            WHEN told IS NULL THEN ''
            WHEN told LIKE '"%' THEN told::jsonb #>> '{}'
            ELSE regexp_replace(told, '\\[nrtbf]', ' ', 'g')
        END;
    END LOOP;
    RETURN to_tsvector('simple', left(words, 200000));
END
$$;

DO $$
BEGIN
    IF to_regclass('kgmem.parked_named_indexes') IS NOT NULL THEN
        UPDATE kgmem.graph g SET schema = g.schema || jsonb_build_object('indexes', p.indexes)
        FROM kgmem.parked_named_indexes p WHERE p.id = g.id;
        DROP TABLE kgmem.parked_named_indexes;
    END IF;
END
$$;
