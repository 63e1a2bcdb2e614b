-- Which subsystems of a graph have tables; the others are made at their first use.
ALTER TABLE kgmem.graph ADD COLUMN subsystems text[] NOT NULL DEFAULT '{}';

-- Statements take these tables in place of those that a graph does not have yet. They never have a row.
CREATE SCHEMA kgm_0;

-- Scopes of which the communities are kept, and up to where that was done.
CREATE TABLE kgm_0.grouped (
    scope integer PRIMARY KEY,
    since xid8 NOT NULL DEFAULT '0',
    at    timestamptz
);

-- Communities of the entities of one scope. What keeps its members keeps its id.
CREATE TABLE kgm_0.community (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    level   smallint NOT NULL,                -- 0 the finest
    parent  bigint,                           -- of the next level
    size    integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX community_scope ON kgm_0.community (scope, level, size DESC, id);
CREATE TABLE kgm_0.community_member (
    community  bigint NOT NULL,
    item       bigint NOT NULL,
    centrality real NOT NULL,                 -- its share of the community's links
    PRIMARY KEY (community, item)
);
CREATE INDEX community_member_item ON kgm_0.community_member (item);

-- Whether entities that are alike are joined, and up to where that was done. One row, or none: nobody has asked for it.
CREATE TABLE kgm_0.connecting (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since xid8 NOT NULL DEFAULT '0',          -- what was written before this was looked at
    waits boolean NOT NULL DEFAULT true,      -- vectors were missing then
    least real NOT NULL                       -- the likeness from which entities are joined
);

-- Which passages of entities were compared with those whose turn was before, by which vector (its row's transaction).
CREATE TABLE kgm_0.compared (
    passage bigint PRIMARY KEY,
    item    bigint NOT NULL,
    vector  bigint NOT NULL,
    turn    bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX compared_item ON kgm_0.compared (item);

-- What is said of a community or an entity in short: a version of it, and what it was made of.
CREATE TABLE kgm_0.summary (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       smallint NOT NULL,             -- 1 entity, 2 community
    subject    bigint NOT NULL,
    scope      integer NOT NULL,
    sentences  jsonb NOT NULL,
    maker      text NOT NULL,                 -- rules, or the model
    digest     bigint NOT NULL,               -- of what it was made of
    problem    text,                          -- why the rules stood in for the model
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE UNIQUE INDEX summary_current ON kgm_0.summary (kind, subject) WHERE known_to IS NULL;
CREATE TABLE kgm_0.summary_of (
    summary bigint NOT NULL,
    thing   bigint NOT NULL,                  -- an item or a relationship
    version integer NOT NULL,
    PRIMARY KEY (summary, thing)
);
CREATE INDEX summary_of_thing ON kgm_0.summary_of (thing);

DO $$
DECLARE
    absent regclass;
BEGIN
    FOR absent IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'kgm_0'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT is_not_made CHECK (false)', absent);
        -- Else the planner takes a table that was never analysed for one of some rows.
        EXECUTE format('ANALYZE %s', absent);
    END LOOP;
END
$$;
