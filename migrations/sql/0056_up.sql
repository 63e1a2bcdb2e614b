CREATE TABLE "kgm_0".followed_answer (
    subscription bigint PRIMARY KEY,
    question   jsonb NOT NULL,
    ids        bigint[] NOT NULL DEFAULT '{}',
    kinds      text[] NOT NULL DEFAULT '{}',
    scopes     integer[] NOT NULL DEFAULT '{}',
    relevances real[] NOT NULL DEFAULT '{}',
    number     bigint NOT NULL DEFAULT 0,
    base       bigint NOT NULL DEFAULT 0,
    version    bigint NOT NULL DEFAULT 0,
    change     bigint NOT NULL DEFAULT 0,
    looked     timestamptz NOT NULL DEFAULT '-infinity',
    evaluated  timestamptz NOT NULL DEFAULT '-infinity',
    due        timestamptz,
    waits      boolean NOT NULL DEFAULT false,
    problem    text
);
CREATE TABLE "kgm_0".answer_event (
    subscription  bigint NOT NULL,
    number        bigint NOT NULL,
    place         integer NOT NULL DEFAULT 2147483647,
    at            timestamptz NOT NULL DEFAULT now(),
    change        text NOT NULL,
    item          bigint NOT NULL,
    kind          text NOT NULL,
    scope         integer NOT NULL,
    rank          integer,
    previous_rank integer,
    relevance     real,
    PRIMARY KEY (subscription, number, place)
);
ALTER TABLE "kgm_0".followed_answer ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".answer_event ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".followed_answer;
ANALYZE "kgm_0".answer_event;
