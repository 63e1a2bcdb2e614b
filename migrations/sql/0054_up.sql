CREATE TABLE "kgm_0".distil_run (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope        integer NOT NULL,
    state        text NOT NULL,
    trigger      text NOT NULL,
    share        real NOT NULL,
    threshold    real NOT NULL,
    bytes_before bigint NOT NULL DEFAULT 0,
    bytes_after  bigint NOT NULL DEFAULT 0,
    skipped      jsonb NOT NULL,
    request      jsonb,
    problem      text,
    by           text,
    started      timestamptz NOT NULL DEFAULT now(),
    finished     timestamptz,
    taken        timestamptz,
    holder       bigint
);
CREATE INDEX distil_run_order ON "kgm_0".distil_run (scope, id);
CREATE INDEX distil_run_open ON "kgm_0".distil_run (id) WHERE state = 'running';

CREATE TABLE "kgm_0".distil_group (
    run           bigint NOT NULL,
    number        integer NOT NULL,
    state         text NOT NULL,
    key           text COLLATE "C" NOT NULL,
    item          bigint,
    tokens_before integer NOT NULL,
    tokens_after  integer NOT NULL,
    facts         integer NOT NULL,
    critical      boolean NOT NULL,
    digest        bigint NOT NULL,
    stale         boolean NOT NULL DEFAULT false,
    had           integer NOT NULL DEFAULT 0,
    kept          integer NOT NULL DEFAULT 0,
    attempts      smallint NOT NULL DEFAULT 0,
    maker         text NOT NULL DEFAULT 'rules',
    problem       text,
    lost          jsonb NOT NULL DEFAULT '[]',
    checked       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, number)
);
CREATE INDEX distil_group_item ON "kgm_0".distil_group (item) WHERE item IS NOT NULL;

CREATE TABLE "kgm_0".distil_member (
    run     bigint NOT NULL,
    number  integer NOT NULL,
    episode bigint NOT NULL,
    place   smallint NOT NULL,
    version integer NOT NULL,
    tier    smallint NOT NULL,
    PRIMARY KEY (run, episode)
);
CREATE INDEX distil_member_episode ON "kgm_0".distil_member (episode);

CREATE TABLE "kgm_0".distil_probe (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      bigint NOT NULL,
    number   integer NOT NULL,
    question text NOT NULL,
    units    jsonb NOT NULL,
    texts    bigint[] NOT NULL,
    before   boolean[] NOT NULL
);
CREATE INDEX distil_probe_group ON "kgm_0".distil_probe (run, number, id);

CREATE TABLE "kgm_0".distil_allowance (
    scope           integer PRIMARY KEY,
    items           bigint,
    tokens          bigint,
    older_than      double precision,
    closed_sessions boolean NOT NULL,
    at              timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE "kgm_0".distil_run ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".distil_group ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".distil_member ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".distil_probe ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".distil_allowance ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".distil_run;
ANALYZE "kgm_0".distil_group;
ANALYZE "kgm_0".distil_member;
ANALYZE "kgm_0".distil_probe;
ANALYZE "kgm_0".distil_allowance;
