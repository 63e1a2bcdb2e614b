-- The register: one row a graph. Its vertices and edges are in AGE's schema <age_name>, its retrieval index in the
-- schema <index_name>; next_space is the embedding space that a re-embedding is filling.
CREATE TABLE kgmem.graph (
    id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             text COLLATE "C" NOT NULL UNIQUE,
    age_name         name NOT NULL UNIQUE,
    index_name       name NOT NULL UNIQUE,
    strict           boolean NOT NULL DEFAULT false,
    schema           jsonb NOT NULL DEFAULT '{}',
    space            jsonb,
    space_table      name,
    next_space       jsonb,
    next_space_table name,
    fusion           text NOT NULL DEFAULT 'convex',
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- API keys. A key's secret is not here: only its argon2 hash.
CREATE TABLE kgmem.key (
    id         text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    hash       text NOT NULL,
    "right"    text NOT NULL CHECK ("right" IN ('read', 'write', 'admin')),
    graph      text COLLATE "C",
    scope      text COLLATE "C" NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

-- What other AGE clients wrote and the retrieval index does not know yet.
CREATE TABLE kgmem.captured (
    graph integer NOT NULL,
    id    bigint NOT NULL,
    at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX captured_graph ON kgmem.captured (graph);

-- Stands in a CHECK constraint on every label table, because triggers do not fire for AGE's writes and constraints do.
-- It runs with its owner's rights, so that a writer needs none on kgmem's tables. It sends no NOTIFY: that takes a
-- lock on the whole database at commit and halved the rate of eight writers (36,000 to 16,000 a second).
CREATE FUNCTION kgmem.capture(graph integer, id ag_catalog.graphid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO kgmem.captured (graph, id) VALUES ($1, ($2::text)::bigint);
    RETURN true;
END
$$;

CREATE SCHEMA kgmem_jobs;
