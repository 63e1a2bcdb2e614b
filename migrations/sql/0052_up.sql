CREATE UNLOGGED TABLE "kgm_0".presence (
    scope   integer NOT NULL,
    agent   text COLLATE "C" NOT NULL,
    session text,
    status  text,
    context text,
    since   timestamptz NOT NULL,
    seen    timestamptz NOT NULL,
    until   timestamptz NOT NULL,
    author  text,
    PRIMARY KEY (scope, agent)
);
ALTER TABLE "kgm_0".presence ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".presence;
-- What happens in graphs, by scope and minute; a crash of Postgres empties it.
CREATE UNLOGGED TABLE kgmem.activity (
    graph    integer NOT NULL REFERENCES kgmem.graph (id) ON DELETE CASCADE,
    scope    integer NOT NULL,
    minute   timestamptz NOT NULL,
    requests bigint NOT NULL,
    recalls  bigint NOT NULL,
    writes   bigint NOT NULL,
    PRIMARY KEY (graph, scope, minute)
);
CREATE INDEX activity_minute ON kgmem.activity (minute);
