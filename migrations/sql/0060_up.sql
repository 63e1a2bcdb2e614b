-- The empty tables that stand in for those of a graph which has no retention rules yet.
CREATE TABLE "kgm_0".retention_rule (
    name      text COLLATE "C" PRIMARY KEY,
    scope     integer,                       -- null: of any scope
    label     text COLLATE "C",
    source    text COLLATE "C",
    keep      double precision,              -- seconds; null: for ever
    clock     text NOT NULL,                 -- from when on: recorded, event or used
    action    text NOT NULL,                 -- forget, erase or distil
    originals double precision,              -- of distil: seconds after which the originals are forgotten
    reason    text NOT NULL,
    by        text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (scope, label, source)
);

CREATE TABLE "kgm_0".retention_run (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state    text NOT NULL,
    trigger  text NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),  -- what is due at that time goes
    most     integer NOT NULL,
    planned  boolean NOT NULL DEFAULT false,
    more     boolean NOT NULL DEFAULT false,      -- more was due than it takes
    held     jsonb NOT NULL DEFAULT '{}',
    effects  jsonb NOT NULL DEFAULT '{}',
    problem  text,
    finished timestamptz,
    taken    timestamptz,                         -- the last sign of who executes it
    holder   bigint                               -- who that is
);
CREATE UNIQUE INDEX retention_run_open ON "kgm_0".retention_run ((true)) WHERE state = 'running';

-- What a run removes, noted before it goes.
CREATE TABLE "kgm_0".retention_item (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     bigint NOT NULL,
    kind    smallint NOT NULL,               -- 1 entity, 2 episode, 3 relationship, 5 claim
    item    bigint NOT NULL,
    key     text COLLATE "C" NOT NULL,       -- empty for relationships and claims
    scope   integer NOT NULL,
    rule    text COLLATE "C" NOT NULL,
    action  text NOT NULL,
    since   timestamptz NOT NULL,            -- from when on its time was counted
    version integer NOT NULL,
    state   text NOT NULL DEFAULT 'planned', -- planned, taken, removed, distilled, kept
    why     text,                            -- why it was kept
    at      timestamptz,
    UNIQUE (run, kind, item)
);
CREATE INDEX retention_item_rule ON "kgm_0".retention_item (rule, id);
CREATE INDEX retention_item_distilled ON "kgm_0".retention_item (item) WHERE action = 'distil';

-- Groups of distillation whose originals are gone: their runs cannot be undone.
CREATE TABLE "kgm_0".retention_final (
    run    bigint NOT NULL,
    number integer NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, number)
);
ALTER TABLE "kgm_0".retention_rule ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".retention_run ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".retention_item ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".retention_final ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".retention_rule;
ANALYZE "kgm_0".retention_run;
ANALYZE "kgm_0".retention_item;
ANALYZE "kgm_0".retention_final;
