CREATE TABLE "kgm_0".session (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    name     text NOT NULL,
    agent    text,
    users    text[] NOT NULL DEFAULT '{}',
    metadata text NOT NULL DEFAULT '{}',
    opened   timestamptz NOT NULL DEFAULT now(),
    closed   timestamptz,
    latest   timestamptz,
    last     bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    tokens   bigint NOT NULL DEFAULT 0,
    UNIQUE (scope, name)
);
CREATE INDEX session_order ON "kgm_0".session (scope, id);
CREATE TABLE "kgm_0".session_message (
    session bigint NOT NULL,
    seq     bigint NOT NULL,
    name    text NOT NULL,
    item    bigint NOT NULL,
    role    text NOT NULL,
    tokens  integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest  bytea NOT NULL,
    body    text NOT NULL,
    PRIMARY KEY (session, seq),
    UNIQUE (session, name)
);
CREATE INDEX session_message_item ON "kgm_0".session_message (item);
ALTER TABLE "kgm_0".session ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".session_message ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".session;
ANALYZE "kgm_0".session_message;
