-- What named pieces of work do, step by step; ids are given in the order in which flows begin. No foreign key: whoever
-- deletes a graph would keep the heartbeats of all others waiting.
CREATE TABLE kgmem.flow (
    id           text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL,
    graph        integer NOT NULL,
    scope        text COLLATE "C",         -- NULL: all scopes of the graph
    state        text NOT NULL,
    about        text,
    brief        boolean NOT NULL,
    started_at   timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL DEFAULT now(),
    told         jsonb NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX flow_brief ON kgmem.flow (brief, id);
CREATE INDEX flow_graph ON kgmem.flow (graph, id);
CREATE INDEX flow_about ON kgmem.flow (about, id) WHERE about IS NOT NULL;

-- Deleted scopes, as digests, for an hour: what began before in them and is written late is dropped.
CREATE TABLE kgmem.flow_forgotten (
    graph integer NOT NULL,
    scope bytea NOT NULL,
    at    timestamptz NOT NULL,
    PRIMARY KEY (graph, scope)
);
