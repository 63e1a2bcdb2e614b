CREATE TABLE "kgm_0".subscription (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    name    text COLLATE "C" NOT NULL,
    what    text NOT NULL,
    filter  jsonb NOT NULL,
    below   boolean NOT NULL,
    start   bigint NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    author  text,
    UNIQUE (scope, name)
);
CREATE TABLE "kgm_0".subscription_group (
    subscription bigint NOT NULL,
    name         text COLLATE "C" NOT NULL,
    change       bigint NOT NULL,
    place        integer NOT NULL,
    lease        text,
    until        timestamptz,
    to_change    bigint,
    to_place     integer,
    PRIMARY KEY (subscription, name)
);
CREATE TABLE "kgm_0".erased_scope (
    kind  smallint NOT NULL,
    id    bigint NOT NULL,
    scope integer NOT NULL,
    PRIMARY KEY (kind, id)
);
ALTER TABLE "kgm_0".subscription ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".subscription_group ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".erased_scope ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".subscription;
ANALYZE "kgm_0".subscription_group;
ANALYZE "kgm_0".erased_scope;
