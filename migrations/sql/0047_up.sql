CREATE TABLE "kgm_0".work_stream (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope          integer NOT NULL,
    name           text COLLATE "C" NOT NULL,
    last           bigint NOT NULL DEFAULT 0,
    max_length     integer NOT NULL,
    max_age        integer NOT NULL,
    max_deliveries integer NOT NULL,
    created        timestamptz NOT NULL DEFAULT now(),
    author         text,
    UNIQUE (scope, name)
) WITH (fillfactor = 50);
CREATE TABLE "kgm_0".work_message (
    stream bigint NOT NULL,
    seq    bigint NOT NULL,
    key    text COLLATE "C",
    idem   text COLLATE "C",
    at     timestamptz NOT NULL,
    author text,
    body   text NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE UNIQUE INDEX work_message_once ON "kgm_0".work_message (stream, idem) WHERE idem IS NOT NULL;
CREATE TABLE "kgm_0".work_group (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL,
    name   text COLLATE "C" NOT NULL,
    taken  bigint NOT NULL,
    UNIQUE (stream, name)
) WITH (fillfactor = 50);
CREATE TABLE "kgm_0".work_delivery (
    member     bigint NOT NULL,
    seq        bigint NOT NULL,
    key        text COLLATE "C",
    consumer   text,
    until      timestamptz,
    delivered  timestamptz,
    deliveries integer NOT NULL,
    reason     text,
    PRIMARY KEY (member, seq)
);
CREATE INDEX work_delivery_key ON "kgm_0".work_delivery (member, key, seq) WHERE key IS NOT NULL;
CREATE TABLE "kgm_0".work_dead (
    member     bigint NOT NULL,
    seq        bigint NOT NULL,
    key        text COLLATE "C",
    body       text NOT NULL,
    at         timestamptz NOT NULL,
    author     text,
    deliveries integer NOT NULL,
    reason     text NOT NULL,
    died       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (member, seq)
);
ALTER TABLE "kgm_0".work_stream ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".work_message ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".work_group ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".work_delivery ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".work_dead ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".work_stream;
ANALYZE "kgm_0".work_message;
ANALYZE "kgm_0".work_group;
ANALYZE "kgm_0".work_delivery;
ANALYZE "kgm_0".work_dead;
