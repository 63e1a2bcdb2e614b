CREATE TABLE "kgm_0".feedback (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    item     bigint NOT NULL,
    by       text NOT NULL,
    question text NOT NULL,
    useful   boolean NOT NULL,
    reason   text,
    at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item, scope, by, question)
);
ALTER TABLE "kgm_0".feedback ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".feedback;
