-- Which subsystems of a graph have tables; the others are made at their first use.
ALTER TABLE kgmem.graph ADD COLUMN subsystems text[] NOT NULL DEFAULT '{}';

-- Statements take these tables in place of those that a graph does not have yet. They never have a row.
CREATE SCHEMA kgm_0;
CREATE SCHEMA kgm_0_then;

-- What sources claim, and what is made of it. Claims are kept for ever, as what is known is; a claim that is taken back
-- has an end. Facts, what they say of relationships, and what is learned of sources are made of them.
CREATE TABLE kgm_0.topic (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     integer NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    predicate text COLLATE "C" NOT NULL,
    about     text COLLATE "C" NOT NULL DEFAULT '',  -- the other end, where claims give a value of a relationship
    stale     boolean NOT NULL DEFAULT false,        -- its claims changed and were not weighed since
    UNIQUE (scope, subject, predicate, about)
);
CREATE INDEX topic_stale ON kgm_0.topic (id) WHERE stale;
CREATE INDEX topic_predicate ON kgm_0.topic (predicate, id);

CREATE TABLE kgm_0.claim (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      bigint NOT NULL,
    source     integer NOT NULL,
    object     text COLLATE "C",
    value      jsonb,
    valid_from text,                                 -- as it was stated
    valid_to   text,
    confidence real NOT NULL,
    episode    text COLLATE "C",
    begins     integer,
    ends       integer,
    edge       bigint,                               -- the relationship that says it
    adopted    boolean NOT NULL,                     -- the relationship was there first
    stated     bigint NOT NULL,                      -- hash of what is claimed
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE UNIQUE INDEX claim_stated ON kgm_0.claim (topic, stated) WHERE known_to IS NULL;
CREATE INDEX claim_topic ON kgm_0.claim (topic, id);
CREATE INDEX claim_edge ON kgm_0.claim (edge) WHERE edge IS NOT NULL;
CREATE INDEX claim_source ON kgm_0.claim (source, id);

CREATE TABLE kgm_0.fact (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic       bigint NOT NULL,
    valid       tstzrange NOT NULL,
    value       jsonb,
    state       smallint NOT NULL,                   -- 1 verified, 2 contested, 3 unverified, 4 superseded, 5 invalidated
    probability real NOT NULL,
    trust       real NOT NULL,
    supporting  real NOT NULL,
    opposing    real NOT NULL,
    method      text NOT NULL,
    reason      text NOT NULL,
    options     jsonb NOT NULL,                      -- each value with its probability, its sources and its claims
    decision    bigint,                              -- of a person, a rule or an observation, that holds
    known_from  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX fact_topic ON kgm_0.fact (topic);
CREATE INDEX fact_state ON kgm_0.fact (state, id);

-- What a fact says of a relationship that claims it, for recall.
CREATE TABLE kgm_0.stance (
    id          bigint PRIMARY KEY,                  -- the relationship's
    fact        bigint NOT NULL,
    state       smallint NOT NULL,
    probability real NOT NULL,
    known_from  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stance_fact ON kgm_0.stance (fact);

-- What was learned of a source from the claims of one scope.
CREATE TABLE kgm_0.standing (
    scope      integer NOT NULL,
    source     integer NOT NULL,
    trust      real NOT NULL,
    prior      real NOT NULL,
    claims     integer NOT NULL,
    checked    integer NOT NULL,
    domains    jsonb NOT NULL,
    reason     text NOT NULL,
    known_from timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, source)
);

CREATE TABLE kgm_0.past_fact (LIKE kgm_0.fact, known tstzrange NOT NULL);
CREATE INDEX past_fact_id ON kgm_0.past_fact (id);
CREATE INDEX past_fact_topic ON kgm_0.past_fact (topic);
CREATE TABLE kgm_0.past_stance (LIKE kgm_0.stance, known tstzrange NOT NULL);
CREATE INDEX past_stance_id ON kgm_0.past_stance (id);
CREATE TABLE kgm_0.past_standing (LIKE kgm_0.standing, known tstzrange NOT NULL);
CREATE INDEX past_standing_source ON kgm_0.past_standing (source);

CREATE FUNCTION kgm_0.keep_verdict() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    until timestamptz := greatest(now(), OLD.known_from + interval '1us');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        NEW.known_from := until;
    END IF;
    EXECUTE format('INSERT INTO %I.%I SELECT ($1).*, tstzrange($2, $3)', TG_TABLE_SCHEMA, 'past_' || TG_TABLE_NAME)
        USING OLD, OLD.known_from, until;
    RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END
$body$;
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON kgm_0.fact FOR EACH ROW EXECUTE FUNCTION kgm_0.keep_verdict();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON kgm_0.stance FOR EACH ROW EXECUTE FUNCTION kgm_0.keep_verdict();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON kgm_0.standing FOR EACH ROW EXECUTE FUNCTION kgm_0.keep_verdict();

CREATE TABLE kgm_0.setting (
    scope     integer NOT NULL,
    predicate text COLLATE "C" NOT NULL,
    method    text NOT NULL,
    reason    text NOT NULL,
    wrong     real NOT NULL,
    likeness  real NOT NULL,
    PRIMARY KEY (scope, predicate)
);

CREATE TABLE kgm_0.copying (
    scope       integer NOT NULL,
    one         integer NOT NULL,
    other       integer NOT NULL,
    probability real NOT NULL,
    shared      integer NOT NULL,
    PRIMARY KEY (scope, one, other)
);

-- How far the claims of a scope were weighed together.
CREATE TABLE kgm_0.weighed (
    scope integer PRIMARY KEY,
    claim bigint NOT NULL,                           -- the newest claim of that run
    count bigint NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);

-- What a source is beside its entry in the registry.
CREATE TABLE kgm_0.kinship (
    source integer PRIMARY KEY,
    parent text COLLATE "C",
    domain text
);

CREATE TABLE kgm_0.correlation (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope      integer NOT NULL,
    kind       text NOT NULL,                        -- exclusion, implication, same_origin
    topics     bigint[] NOT NULL,
    claims     jsonb NOT NULL,                       -- for each topic: the claims of the value that is meant
    strength   real NOT NULL,
    found      boolean NOT NULL,
    by         text NOT NULL,
    reason     text NOT NULL,
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE INDEX correlation_topics ON kgm_0.correlation USING gin (topics) WHERE known_to IS NULL;

-- Every decision of a person, a rule or an observation, in the order in which they came: nothing is taken out.
CREATE TABLE kgm_0.decision (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    topic   bigint,
    fact    bigint,
    action  text NOT NULL,
    value   jsonb,
    claims  bigint[] NOT NULL DEFAULT '{}',          -- of the value that is meant
    by      text NOT NULL,
    reason  text NOT NULL,
    detail  jsonb NOT NULL DEFAULT '{}',
    at      timestamptz NOT NULL DEFAULT now(),
    ended   timestamptz,                             -- undone, or overtaken by new evidence
    ended_by bigint
);
CREATE INDEX decision_topic ON kgm_0.decision (topic, id);

CREATE VIEW kgm_0_then.topic AS SELECT * FROM kgm_0.topic;

CREATE VIEW kgm_0_then.claim AS
SELECT * FROM kgm_0.claim
WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
  AND (known_to IS NULL OR known_to > (SELECT current_setting('kgmem.known_at')::timestamptz));

CREATE VIEW kgm_0_then.fact AS
SELECT * FROM kgm_0.fact WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, topic, valid, value, state, probability, trust, supporting, opposing, method, reason, options, decision,
       known_from
FROM kgm_0.past_fact WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW kgm_0_then.stance AS
SELECT * FROM kgm_0.stance WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, fact, state, probability, known_from
FROM kgm_0.past_stance WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW kgm_0_then.standing AS
SELECT * FROM kgm_0.standing WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT scope, source, trust, prior, claims, checked, domains, reason, known_from
FROM kgm_0.past_standing WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW kgm_0_then.decision AS
SELECT id, scope, topic, fact, action, value, claims, by, reason, detail, at,
       CASE WHEN ended <= (SELECT current_setting('kgmem.known_at')::timestamptz) THEN ended END AS ended,
       CASE WHEN ended <= (SELECT current_setting('kgmem.known_at')::timestamptz) THEN ended_by END AS ended_by
FROM kgm_0.decision WHERE at <= (SELECT current_setting('kgmem.known_at')::timestamptz);

-- Entities that were found to be one: what the merge did, so that it can be undone exactly.
CREATE TABLE kgm_0.merge (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     integer NOT NULL,
    kept      bigint NOT NULL,
    gone      bigint NOT NULL,
    kept_key  text COLLATE "C" NOT NULL,
    gone_key  text COLLATE "C" NOT NULL,
    by        text NOT NULL,
    reason    text NOT NULL,
    record    jsonb NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    undone_by text,
    undone_reason text
);
CREATE INDEX merge_gone ON kgm_0.merge (scope, gone_key) WHERE undone_at IS NULL;
CREATE INDEX merge_kept ON kgm_0.merge (scope, kept_key) WHERE undone_at IS NULL;

-- Entities that may be one: the review list of resolution. What a person has told apart stays told.
CREATE TABLE kgm_0.likeness (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    one      text COLLATE "C" NOT NULL,
    other    text COLLATE "C" NOT NULL,
    evidence real NOT NULL,
    parts    jsonb NOT NULL,
    vetoed   text,
    state    smallint NOT NULL DEFAULT 1,     -- 1 open, 2 two things, 3 one thing
    by       text,
    reason   text,
    at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scope, one, other)
);
CREATE INDEX likeness_open ON kgm_0.likeness (evidence DESC, id) WHERE state = 1;

-- The names of entities as resolution looks them up: derived, and brought up to date from the change feed when asked.
CREATE TABLE kgm_0.named (
    item   bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    parts  text[] NOT NULL,                   -- words (with = before them) and trigrams
    PRIMARY KEY (item, folded)
);
CREATE INDEX named_folded ON kgm_0.named (folded);
CREATE INDEX named_parts ON kgm_0.named USING gin (parts);
CREATE TABLE kgm_0.named_until (change bigint NOT NULL);

-- Episodes that wait to be read; written with the episode, so that nothing is forgotten.
CREATE TABLE kgm_0.unread (
    episode  bigint PRIMARY KEY,
    digest   bigint NOT NULL,             -- hash of what shall be read
    taken    timestamptz,                 -- when a reader took it; one that died loses it after a while
    attempts smallint NOT NULL DEFAULT 0,
    problem  text                         -- why it cannot be read; such an episode waits until somebody asks
);

CREATE TABLE kgm_0.reading (
    episode   bigint PRIMARY KEY,
    digest    bigint NOT NULL,
    extractor text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    tokens    integer NOT NULL DEFAULT 0,
    cost      double precision NOT NULL DEFAULT 0,
    problem   text                        -- why the offline rules stood in
);

-- What an episode brought, and where in its text that stands: entities by key, relationships and claims by id.
CREATE TABLE kgm_0.brought (
    episode bigint NOT NULL,
    kind    smallint NOT NULL,            -- 1 entity, 3 relationship, 5 claim
    item    bigint NOT NULL,              -- 0 for entities
    key     text COLLATE "C" NOT NULL,    -- empty for the others
    begins  integer NOT NULL,
    ends    integer NOT NULL,
    lasting boolean NOT NULL DEFAULT false,   -- a claim of which the text told no end
    PRIMARY KEY (episode, kind, item, key)
);
CREATE INDEX brought_item ON kgm_0.brought (item) WHERE item <> 0;
CREATE INDEX brought_key ON kgm_0.brought (key) WHERE item = 0;

-- Scopes of which the communities are kept, and up to where that was done.
CREATE TABLE kgm_0.grouped (
    scope integer PRIMARY KEY,
    since xid8 NOT NULL DEFAULT '0',
    at    timestamptz
);

-- Communities of the entities of one scope. What keeps its members keeps its id.
CREATE TABLE kgm_0.community (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    level   smallint NOT NULL,                -- 0 the finest
    parent  bigint,                           -- of the next level
    size    integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX community_scope ON kgm_0.community (scope, level, size DESC, id);
CREATE TABLE kgm_0.community_member (
    community  bigint NOT NULL,
    item       bigint NOT NULL,
    centrality real NOT NULL,                 -- its share of the community's links
    PRIMARY KEY (community, item)
);
CREATE INDEX community_member_item ON kgm_0.community_member (item);

-- Whether entities that are alike are joined, and up to where that was done. One row, or none: nobody has asked for it.
CREATE TABLE kgm_0.connecting (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    since xid8 NOT NULL DEFAULT '0',          -- what was written before this was looked at
    waits boolean NOT NULL DEFAULT true,      -- vectors were missing then
    least real NOT NULL                       -- the likeness from which entities are joined
);

-- Which passages of entities were compared with those whose turn was before, by which vector (its row's transaction).
CREATE TABLE kgm_0.compared (
    passage bigint PRIMARY KEY,
    item    bigint NOT NULL,
    vector  bigint NOT NULL,
    turn    bigint GENERATED ALWAYS AS IDENTITY
);
CREATE INDEX compared_item ON kgm_0.compared (item);

-- What is said of a community or an entity in short: a version of it, and what it was made of.
CREATE TABLE kgm_0.summary (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       smallint NOT NULL,             -- 1 entity, 2 community
    subject    bigint NOT NULL,
    scope      integer NOT NULL,
    sentences  jsonb NOT NULL,
    maker      text NOT NULL,                 -- rules, or the model
    digest     bigint NOT NULL,               -- of what it was made of
    problem    text,                          -- why the rules stood in for the model
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE UNIQUE INDEX summary_current ON kgm_0.summary (kind, subject) WHERE known_to IS NULL;
CREATE TABLE kgm_0.summary_of (
    summary bigint NOT NULL,
    thing   bigint NOT NULL,                  -- an item or a relationship
    version integer NOT NULL,
    PRIMARY KEY (summary, thing)
);
CREATE INDEX summary_of_thing ON kgm_0.summary_of (thing);

DO $$
DECLARE
    absent regclass;
BEGIN
    FOR absent IN SELECT oid::regclass FROM pg_class WHERE relnamespace = 'kgm_0'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT is_not_made CHECK (false)', absent);
        -- Else the planner takes a table that was never analysed for one of some rows.
        EXECUTE format('ANALYZE %s', absent);
    END LOOP;
END
$$;
