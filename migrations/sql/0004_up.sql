-- One row an import: what is read, how, how far it is, and what came of it.
CREATE TABLE kgmem.import (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    graph       integer NOT NULL,
    state       text NOT NULL DEFAULT 'running'
                CHECK (state IN ('running', 'failed', 'done', 'undone')),
    files       jsonb NOT NULL,            -- [{"name", "size"}], in the order in which they are read
    options     jsonb NOT NULL,
    source      text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    error       text
);
CREATE INDEX import_graph ON kgmem.import (graph, id);

-- One row a batch that was committed, in the same transaction as what it brought: an import that was broken off goes
-- on behind it, and the counts always add up.
CREATE TABLE kgmem.import_batch (
    import    integer NOT NULL REFERENCES kgmem.import ON DELETE CASCADE,
    number    bigint NOT NULL,
    read      integer NOT NULL,
    created   integer NOT NULL,
    updated   integer NOT NULL,
    unchanged integer NOT NULL,
    rejected  integer NOT NULL,
    kinds     jsonb NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (import, number)
);

-- Indexes that a large load into a small graph has set aside, to be built when all is there.
CREATE TABLE kgmem.set_aside (
    graph      integer NOT NULL,
    name       name NOT NULL,
    definition text NOT NULL,
    PRIMARY KEY (graph, name)
);

-- Records that were not taken: where they stand, why, and their text.
CREATE TABLE kgmem.import_rejection (
    import integer NOT NULL REFERENCES kgmem.import ON DELETE CASCADE,
    id     bigint GENERATED ALWAYS AS IDENTITY,
    file   text NOT NULL,
    line   bigint NOT NULL,
    reason text NOT NULL,
    record text NOT NULL,
    PRIMARY KEY (import, id)
);

-- Episodes wait until all entities are there that they may mention.
CREATE TABLE kgmem.import_episode (
    import integer NOT NULL REFERENCES kgmem.import ON DELETE CASCADE,
    id     bigint GENERATED ALWAYS AS IDENTITY,
    file   text NOT NULL,
    line   bigint NOT NULL,
    record text NOT NULL,                  -- the wire's shape of it
    PRIMARY KEY (import, id)
);

-- Relationships wait whose ends were not there yet, as the loader stages them.
CREATE TABLE kgmem.import_relationship (
    import        integer NOT NULL REFERENCES kgmem.import ON DELETE CASCADE,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    file          text NOT NULL,
    line          bigint NOT NULL,
    scope         text COLLATE "C" NOT NULL,
    kind          text COLLATE "C" NOT NULL,
    start_key     text COLLATE "C" NOT NULL,
    end_key       text COLLATE "C" NOT NULL,
    key           text COLLATE "C",
    source        text COLLATE "C",
    strength      real,
    confidence    real,
    valid_from    timestamptz,
    valid_to      timestamptz,
    discriminator bigint NOT NULL,
    stored        text NOT NULL,
    removed       text,
    PRIMARY KEY (import, id)
);

DO $$
BEGIN
    IF to_regclass('kgmem.parked_import') IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO kgmem.import OVERRIDING SYSTEM VALUE SELECT * FROM kgmem.parked_import;
    INSERT INTO kgmem.import_batch SELECT * FROM kgmem.parked_import_batch;
    INSERT INTO kgmem.import_rejection OVERRIDING SYSTEM VALUE SELECT * FROM kgmem.parked_import_rejection;
    INSERT INTO kgmem.import_episode OVERRIDING SYSTEM VALUE SELECT * FROM kgmem.parked_import_episode;
    INSERT INTO kgmem.import_relationship OVERRIDING SYSTEM VALUE SELECT * FROM kgmem.parked_import_relationship;
    PERFORM setval(pg_get_serial_sequence('kgmem.import', 'id'), coalesce(max(id), 0) + 1, false) FROM kgmem.import;
    PERFORM setval(pg_get_serial_sequence('kgmem.import_rejection', 'id'), coalesce(max(id), 0) + 1, false)
    FROM kgmem.import_rejection;
    PERFORM setval(pg_get_serial_sequence('kgmem.import_relationship', 'id'), coalesce(max(id), 0) + 1, false)
    FROM kgmem.import_relationship;
    PERFORM setval(pg_get_serial_sequence('kgmem.import_episode', 'id'), coalesce(max(id), 0) + 1, false)
    FROM kgmem.import_episode;
    DROP TABLE kgmem.parked_import, kgmem.parked_import_batch, kgmem.parked_import_rejection,
               kgmem.parked_import_episode, kgmem.parked_import_relationship;
END
$$;
