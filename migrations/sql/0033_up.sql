CREATE TABLE "kgm_0".agent_state (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope integer NOT NULL,
    agent text NOT NULL,
    name  text NOT NULL,
    last  integer NOT NULL DEFAULT 0,
    gone  boolean NOT NULL DEFAULT true,
    UNIQUE (scope, agent, name)
);

CREATE TABLE "kgm_0".agent_state_version (
    state         bigint NOT NULL,
    version       integer NOT NULL,
    at            timestamptz NOT NULL,
    media_type    text NOT NULL,
    size          integer NOT NULL,
    checksum      bytea NOT NULL,
    place         smallint NOT NULL,
    base          integer,
    packed        bytea NOT NULL,
    author        text,
    restored_from integer,
    branched_from text,
    PRIMARY KEY (state, version)
);
ALTER TABLE "kgm_0".agent_state_version ALTER packed SET STORAGE EXTERNAL;
CREATE INDEX agent_state_version_at ON "kgm_0".agent_state_version (state, at);
CREATE TABLE "kgm_0".agent_state_checkpoint (
    state   bigint NOT NULL,
    name    text NOT NULL,
    version integer NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (state, name)
);
CREATE TABLE "kgm_0".agent_retention (
    scope integer NOT NULL,
    agent text NOT NULL,
    rules jsonb NOT NULL,
    PRIMARY KEY (scope, agent)
);
ALTER TABLE "kgm_0".agent_state ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".agent_state_version ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".agent_state_checkpoint ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".agent_retention ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".agent_state;
ANALYZE "kgm_0".agent_state_version;
ANALYZE "kgm_0".agent_state_checkpoint;
ANALYZE "kgm_0".agent_retention;
