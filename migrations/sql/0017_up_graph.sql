-- What is derived of a graph's entities: which are alike, their communities, summaries.
DO $migration$
DECLARE
    graph  record;
    tables text := $ddl$
-- Whether entities that are alike are joined, and up to where that was done. One row, or none: nobody has asked for it.
CREATE TABLE {index}.connecting (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since xid8 NOT NULL DEFAULT '0',          -- what was written before this was looked at
    waits boolean NOT NULL DEFAULT true,      -- vectors were missing then
    least real NOT NULL                       -- the likeness from which entities are joined
);

-- Which passages of entities were compared with those whose turn was before, by which vector (its row's transaction).
CREATE TABLE {index}.compared (
    passage bigint PRIMARY KEY,
    item    bigint NOT NULL,
    vector  bigint NOT NULL,
    turn    bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX compared_item ON {index}.compared (item);

-- Scopes of which the communities are kept, and up to where that was done.
CREATE TABLE {index}.grouped (
    scope integer PRIMARY KEY,
    since xid8 NOT NULL DEFAULT '0',
    at    timestamptz
);

-- Communities of the entities of one scope. What keeps its members keeps its id.
CREATE TABLE {index}.community (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    level   smallint NOT NULL,                -- 0 the finest
    parent  bigint,                           -- of the next level
    size    integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX community_scope ON {index}.community (scope, level, size DESC, id);
CREATE TABLE {index}.community_member (
    community  bigint NOT NULL,
    item       bigint NOT NULL,
    centrality real NOT NULL,                 -- its share of the community's links
    PRIMARY KEY (community, item)
);
CREATE INDEX community_member_item ON {index}.community_member (item);

-- What is said of a community or an entity in short: a version of it, and what it was made of.
CREATE TABLE {index}.summary (
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
CREATE UNIQUE INDEX summary_current ON {index}.summary (kind, subject) WHERE known_to IS NULL;
CREATE TABLE {index}.summary_of (
    summary bigint NOT NULL,
    thing   bigint NOT NULL,                  -- an item or a relationship
    version integer NOT NULL,
    PRIMARY KEY (summary, thing)
);
CREATE INDEX summary_of_thing ON {index}.summary_of (thing);
$ddl$;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        EXECUTE replace(tables, '{index}', quote_ident(graph.index_name));
        IF to_regclass(format('%I.parked_connecting', graph.index_name)) IS NOT NULL THEN
            EXECUTE format('INSERT INTO %1$I.connecting (least) SELECT least FROM %1$I.parked_connecting', graph.index_name);
            EXECUTE format('INSERT INTO %1$I.grouped (scope) SELECT scope FROM %1$I.parked_grouped', graph.index_name);
            EXECUTE format('DROP TABLE %1$I.parked_connecting, %1$I.parked_grouped', graph.index_name);
        END IF;
    END LOOP;
END
$migration$;
