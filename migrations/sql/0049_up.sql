CREATE TABLE "kgm_0".webhook (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope        integer NOT NULL,
    name         text COLLATE "C" NOT NULL,
    url          text NOT NULL,
    what         text NOT NULL,
    filter       jsonb NOT NULL,
    below        boolean NOT NULL,
    batch        integer NOT NULL,
    max_attempts integer NOT NULL,
    created      timestamptz NOT NULL DEFAULT now(),
    author       text,
    active       boolean NOT NULL DEFAULT true,
    reason       text,
    change       bigint NOT NULL,
    place        integer NOT NULL,
    failures     integer NOT NULL DEFAULT 0,
    failing      timestamptz,
    succeeded    timestamptz,
    attempted    timestamptz,
    paused       timestamptz,
    slow         boolean NOT NULL DEFAULT false,
    lease        text,
    until        timestamptz,
    UNIQUE (scope, name)
);
CREATE TABLE "kgm_0".webhook_secret (
    webhook        bigint PRIMARY KEY,
    secret         text NOT NULL,
    previous       text,
    previous_until timestamptz
);
CREATE TABLE "kgm_0".webhook_waiting (
    webhook  bigint NOT NULL,
    change   bigint NOT NULL,
    place    integer NOT NULL,
    item     text COLLATE "C" NOT NULL,
    attempts integer NOT NULL,
    due      timestamptz NOT NULL,
    dead     timestamptz,
    reason   text,
    PRIMARY KEY (webhook, change, place)
);
CREATE INDEX webhook_waiting_item ON "kgm_0".webhook_waiting (webhook, item) WHERE dead IS NULL;
CREATE TABLE "kgm_0".webhook_attempt (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook bigint NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    message text NOT NULL,
    events  integer NOT NULL,
    attempt integer NOT NULL,
    status  integer,
    error   text,
    ms      integer NOT NULL
);
CREATE INDEX webhook_attempt_newest ON "kgm_0".webhook_attempt (webhook, id);
ALTER TABLE "kgm_0".webhook ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".webhook_secret ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".webhook_waiting ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".webhook_attempt ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".webhook;
ANALYZE "kgm_0".webhook_secret;
ANALYZE "kgm_0".webhook_waiting;
ANALYZE "kgm_0".webhook_attempt;
