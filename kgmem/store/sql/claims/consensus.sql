-- name: create
-- What sources claim, and what is made of it. Claims are kept for ever, as what is known is; a claim that is taken back
-- has an end. Facts, what they say of relationships, and what is learned of sources are made of them.
CREATE TABLE {index}.topic (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     integer NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    predicate text COLLATE "C" NOT NULL,
    about     text COLLATE "C" NOT NULL DEFAULT '',  -- the other end, where claims give a value of a relationship
    stale     boolean NOT NULL DEFAULT false,        -- its claims changed and were not weighed since
    UNIQUE (scope, subject, predicate, about)
);
CREATE INDEX topic_stale ON {index}.topic (id) WHERE stale;
CREATE INDEX topic_predicate ON {index}.topic (predicate, id);

CREATE TABLE {index}.claim (
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
    content_hash bigint NOT NULL,                    -- hash of what is claimed
    known_from timestamptz NOT NULL DEFAULT now(),
    known_to   timestamptz
);
CREATE UNIQUE INDEX claim_content_hash ON {index}.claim (topic, content_hash) WHERE known_to IS NULL;
CREATE INDEX claim_topic ON {index}.claim (topic, id);
CREATE INDEX claim_edge ON {index}.claim (edge) WHERE edge IS NOT NULL;
CREATE INDEX claim_source ON {index}.claim (source, id);
CREATE INDEX claim_episode ON {index}.claim (episode) WHERE episode IS NOT NULL;

-- The sentence that states a claim, as a fingerprint, and what the claim is derived from, where it repeats another.
CREATE TABLE {index}.claim_origin (
    claim        bigint PRIMARY KEY,
    sentence     bigint,
    derived_from text[]
);

-- What kgmem answered lately, as fingerprints, and to whom: since when, and when last.
CREATE TABLE {index}.answered (
    fingerprint bigint NOT NULL,
    asker       bigint NOT NULL,
    since       timestamptz NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (fingerprint, asker)
);
CREATE INDEX answered_at ON {index}.answered (at);

CREATE TABLE {index}.fact (
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
CREATE INDEX fact_topic ON {index}.fact (topic);
CREATE INDEX fact_state ON {index}.fact (state, id);

-- What a fact says of a relationship that claims it, for recall.
CREATE TABLE {index}.relationship_state (
    id          bigint PRIMARY KEY,                  -- the relationship's
    fact        bigint NOT NULL,
    state       smallint NOT NULL,
    probability real NOT NULL,
    known_from  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX relationship_state_fact ON {index}.relationship_state (fact);

-- What was learned of a source from the claims of one scope.
CREATE TABLE {index}.source_reliability (
    scope      integer NOT NULL,
    source     integer NOT NULL,
    trust      real NOT NULL,
    prior      real NOT NULL,
    claims     integer NOT NULL,
    checked    integer NOT NULL,
    domains    jsonb NOT NULL,
    reason     text NOT NULL,
    known_from timestamptz NOT NULL DEFAULT now(),
    -- Of the changes that others report, the share that it reports; and after how many seconds they are reported.
    reported_changes real,
    reporting_delay  double precision,
    PRIMARY KEY (scope, source)
);

CREATE TABLE {index}.past_fact (LIKE {index}.fact, known tstzrange NOT NULL);
CREATE INDEX past_fact_id ON {index}.past_fact (id);
CREATE INDEX past_fact_topic ON {index}.past_fact (topic);
CREATE TABLE {index}.past_relationship_state (LIKE {index}.relationship_state, known tstzrange NOT NULL);
CREATE INDEX past_relationship_state_id ON {index}.past_relationship_state (id);
CREATE TABLE {index}.past_source_reliability (LIKE {index}.source_reliability, known tstzrange NOT NULL);
CREATE INDEX past_source_reliability_source ON {index}.past_source_reliability (source);

CREATE FUNCTION {index}.keep_verdict() RETURNS trigger LANGUAGE plpgsql AS $body$
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
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {index}.fact FOR EACH ROW EXECUTE FUNCTION {index}.keep_verdict();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {index}.relationship_state FOR EACH ROW EXECUTE FUNCTION {index}.keep_verdict();
CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON {index}.source_reliability FOR EACH ROW EXECUTE FUNCTION {index}.keep_verdict();

CREATE TABLE {index}.predicate_parameters (
    scope     integer NOT NULL,
    predicate text COLLATE "C" NOT NULL,
    method    text NOT NULL,
    reason    text NOT NULL,
    wrong     real NOT NULL,
    similarity  real NOT NULL,
    PRIMARY KEY (scope, predicate)
);

CREATE TABLE {index}.source_dependence (
    scope       integer NOT NULL,
    one         integer NOT NULL,
    other       integer NOT NULL,
    probability real NOT NULL,
    shared      integer NOT NULL,
    PRIMARY KEY (scope, one, other)
);

-- How far the claims of a scope were weighed together.
CREATE TABLE {index}.consensus_run (
    scope integer PRIMARY KEY,
    claim bigint NOT NULL,                           -- the newest claim of that run
    count bigint NOT NULL,
    at    timestamptz NOT NULL DEFAULT now()
);

-- What a source is beside its entry in the registry.
CREATE TABLE {index}.source_origin (
    source integer PRIMARY KEY,
    parent text COLLATE "C",
    domain text
);

-- By which API keys the claims of a source came.
CREATE TABLE {index}.source_key (
    source     integer NOT NULL,
    key        text COLLATE "C" NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, key)
);

CREATE TABLE {index}.correlation (
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
CREATE INDEX correlation_topics ON {index}.correlation USING gin (topics) WHERE known_to IS NULL;

-- Every decision of a person, a rule or an observation, in the order in which they came: nothing is taken out.
CREATE TABLE {index}.adjudication (
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
CREATE INDEX adjudication_topic ON {index}.adjudication (topic, id);

-- name: create_asof
CREATE VIEW {asof}.topic AS SELECT * FROM {index}.topic;

CREATE VIEW {asof}.claim_origin AS SELECT * FROM {index}.claim_origin;

CREATE VIEW {asof}.claim AS
SELECT * FROM {index}.claim
WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
  AND (known_to IS NULL OR known_to > (SELECT current_setting('kgmem.known_at')::timestamptz));

CREATE VIEW {asof}.fact AS
SELECT * FROM {index}.fact WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, topic, valid, value, state, probability, trust, supporting, opposing, method, reason, options, decision,
       known_from
FROM {index}.past_fact WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW {asof}.relationship_state AS
SELECT * FROM {index}.relationship_state WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, fact, state, probability, known_from
FROM {index}.past_relationship_state WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW {asof}.source_reliability AS
SELECT * FROM {index}.source_reliability WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT scope, source, trust, prior, claims, checked, domains, reason, known_from, reported_changes, reporting_delay
FROM {index}.past_source_reliability WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW {asof}.adjudication AS
SELECT id, scope, topic, fact, action, value, claims, by, reason, detail, at,
       CASE WHEN ended <= (SELECT current_setting('kgmem.known_at')::timestamptz) THEN ended END AS ended,
       CASE WHEN ended <= (SELECT current_setting('kgmem.known_at')::timestamptz) THEN ended_by END AS ended_by
FROM {index}.adjudication WHERE at <= (SELECT current_setting('kgmem.known_at')::timestamptz);
