-- What is to be erased in Redis, which was away. The texts and scopes are encrypted by the key of the reports.
CREATE TABLE kgmem.redis_erasure (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    graph  integer NOT NULL,
    name   text NOT NULL,                 -- of the graph
    at     timestamptz NOT NULL DEFAULT now(),
    sealed bytea NOT NULL
);
