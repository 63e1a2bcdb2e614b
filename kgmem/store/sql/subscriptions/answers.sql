-- Answers that subscriptions follow: the best k of a question as they were evaluated last, and a log of what entered,
-- left or moved. The log names items by their ids: what else an event tells is read from the items.

-- name: create
CREATE TABLE {index}.followed_answer (
    subscription bigint PRIMARY KEY,
    question   jsonb NOT NULL,
    ids        bigint[] NOT NULL DEFAULT '{}',  -- The answer, the best first,
    kinds      text[] NOT NULL DEFAULT '{}',
    scopes     integer[] NOT NULL DEFAULT '{}',
    relevances real[] NOT NULL DEFAULT '{}',
    number     bigint NOT NULL DEFAULT 0,       -- of the last event.
    base       bigint NOT NULL DEFAULT 0,       -- Events up to this one are replaced by the answer as it was then.
    version    bigint NOT NULL DEFAULT 0,       -- Of the evaluation.
    change     bigint NOT NULL DEFAULT 0,       -- Changes up to this one have been looked at.
    looked     timestamptz NOT NULL DEFAULT '-infinity',
    evaluated  timestamptz NOT NULL DEFAULT '-infinity',
    due        timestamptz,                     -- When it is evaluated again, whatever has changed.
    waits      boolean NOT NULL DEFAULT false,  -- Whether texts waited for their vectors then.
    problem    text
);
CREATE TABLE {index}.answer_event (
    subscription  bigint NOT NULL,
    number        bigint NOT NULL,
    place         integer NOT NULL DEFAULT 2147483647,  -- Of several that replace the older ones; else behind all.
    at            timestamptz NOT NULL DEFAULT now(),
    change        text NOT NULL,                -- entered, left or moved
    item          bigint NOT NULL,
    kind          text NOT NULL,                -- entity, episode or fact
    scope         integer NOT NULL,
    rank          integer,
    previous_rank integer,
    relevance     real,
    PRIMARY KEY (subscription, number, place)
);

-- name: count
SELECT count(*) FROM {index}.followed_answer f JOIN {index}.subscription s ON s.id = f.subscription WHERE s.scope = $1

-- name: add
INSERT INTO {index}.followed_answer (subscription, question) VALUES ($1, $2::jsonb)

-- name: start
UPDATE {index}.subscription SET start = $2 WHERE id = $1

-- name: delete
WITH events AS (DELETE FROM {index}.answer_event WHERE subscription = $1)
DELETE FROM {index}.followed_answer WHERE subscription = $1

-- name: number_of
SELECT f.subscription FROM {index}.followed_answer f JOIN {index}.subscription s ON s.id = f.subscription
WHERE s.scope = $1 AND s.name = $2

-- name: is_due
SELECT EXISTS (SELECT FROM {index}.followed_answer WHERE due <= clock_timestamp()
                  OR (change < (SELECT max(id) FROM {index}.change) AND looked <= clock_timestamp() - make_interval(secs => $1)))

-- name: due
SELECT subscription FROM {index}.followed_answer
WHERE due <= clock_timestamp()
   OR (change < (SELECT max(id) FROM {index}.change) AND looked <= clock_timestamp() - make_interval(secs => $1))
ORDER BY looked LIMIT $2

-- name: get
SELECT f.ids, f.relevances, f.version, f.change, f.question::text AS question, s.path,
       coalesce(f.due <= clock_timestamp(), true) AS is_due, f.waits,
       CASE WHEN f.evaluated > clock_timestamp() - interval '1 day'
            THEN extract(epoch FROM clock_timestamp() - f.evaluated)::float8 ELSE 86400 END AS age
FROM {index}.followed_answer f JOIN {index}.subscription n ON n.id = f.subscription
JOIN {index}.scope s ON s.id = n.scope WHERE f.subscription = $1

-- name: lock
SELECT ids, kinds, scopes, number, base, version FROM {index}.followed_answer WHERE subscription = $1 FOR UPDATE

-- name: look
-- Nothing up to a change concerns the answer; with a null change it is looked at again.
UPDATE {index}.followed_answer SET looked = clock_timestamp(), change = greatest(change, coalesce($2, change))
WHERE subscription = $1

-- name: waits
-- Whether texts wait for their vectors, and in how many seconds an item of the scopes $1 begins, ends or expires: at
-- most $2, also where there are too many such items to look at.
SELECT EXISTS (SELECT FROM {index}.embedding_queue WHERE refused IS NULL) AS waits,
       greatest(extract(epoch FROM least(
           (SELECT min(expires_at) FROM {index}.expiry WHERE expires_at > clock_timestamp()),
           (SELECT CASE WHEN count(*) < $3 THEN min(b.next) ELSE clock_timestamp() + interval '1 minute' END FROM (
               SELECT CASE WHEN lower(i.valid) > clock_timestamp() THEN lower(i.valid)
                           WHEN upper(i.valid) > clock_timestamp() THEN upper(i.valid) END AS next
               FROM {index}.item i
               WHERE NOT (lower_inf(i.valid) AND upper_inf(i.valid))
                 AND i.valid && tstzrange(clock_timestamp(), NULL)
                 AND i.scope = ANY (ARRAY(SELECT id FROM {index}.scope WHERE path = ANY ($1::text[])))
               LIMIT $3) b),
           clock_timestamp() + make_interval(secs => $2)) - clock_timestamp()), 0)::float8 AS again

-- name: log
INSERT INTO {index}.answer_event (subscription, number, change, item, kind, scope, rank, previous_rank, relevance)
SELECT $1, n.* FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::integer[],
                           $8::integer[], $9::real[]) AS n

-- name: store
UPDATE {index}.followed_answer
SET ids = $2, kinds = $3, scopes = $4, relevances = $5, number = $6, version = version + 1, change = greatest(change, $7),
    looked = clock_timestamp(), evaluated = clock_timestamp(), due = clock_timestamp() + make_interval(secs => $8),
    waits = $9, problem = NULL
WHERE subscription = $1

-- name: fail
UPDATE {index}.followed_answer
SET version = version + 1, looked = clock_timestamp(), due = clock_timestamp() + make_interval(secs => $2), problem = $3
WHERE subscription = $1

-- name: hurry
-- Answers of scopes that see this one.
UPDATE {index}.followed_answer f SET due = clock_timestamp() FROM {index}.subscription s, {index}.scope p
WHERE s.id = f.subscription AND p.id = s.scope AND ($1 = '' OR p.path = $1 OR starts_with(p.path, $1 || '/'))

-- name: ends
-- Behind which place all events are kept, and the last one.
SELECT base, number FROM {index}.followed_answer WHERE subscription = $1

-- name: before_time
SELECT max(number) FROM {index}.answer_event WHERE subscription = $1 AND at < $2

-- name: kept
-- Events up to one, for what takes their place.
SELECT change, item, kind, scope, rank, relevance, at FROM {index}.answer_event
WHERE subscription = $1 AND number <= $2 ORDER BY number, place

-- name: forget
DELETE FROM {index}.answer_event WHERE subscription = $1 AND number <= $2

-- name: replace
-- The answer as it was behind an event, in the place of all events up to it.
WITH base AS (UPDATE {index}.followed_answer SET base = $2 WHERE subscription = $1)
INSERT INTO {index}.answer_event (subscription, number, place, at, change, item, kind, scope, rank, relevance)
SELECT $1, $2, n.rank, n.at, 'entered', n.item, n.kind, n.scope, n.rank, n.relevance
FROM unnest($3::bigint[], $4::text[], $5::integer[], $6::real[], $7::timestamptz[])
     WITH ORDINALITY AS n (item, kind, scope, relevance, at, rank)

-- name: events
SELECT e.number, e.place, e.at, e.change, e.item, e.kind, e.rank, e.previous_rank, e.relevance, s.path, d.*
FROM {index}.answer_event e JOIN {index}.scope s ON s.id = e.scope
CROSS JOIN LATERAL (%(details)s) d
WHERE e.subscription = $1 AND (e.number, e.place) > ($2::bigint, $3::integer)
ORDER BY e.number, e.place LIMIT $4

-- name: items
SELECT e.item, e.kind, e.relevance, e.rank, s.path, d.*
FROM {index}.followed_answer f
CROSS JOIN LATERAL unnest(f.ids, f.kinds, f.scopes, f.relevances) WITH ORDINALITY AS e (item, kind, scope, relevance, rank)
JOIN {index}.scope s ON s.id = e.scope
CROSS JOIN LATERAL (%(details)s) d
WHERE f.subscription = $1 ORDER BY e.rank

-- name: details
-- An item as it is, or was last.
SELECT coalesce(i.key, p.key, g.key, h.key) AS name, coalesce(i.labels, p.labels) AS labels, l.name AS label,
       o.key AS source,
       CASE WHEN e.kind = 'fact' THEN array_remove(ARRAY[
           (SELECT n.key FROM {index}.item n WHERE n.id = coalesce(g.source, h.source) AND n.kind = 1),
           (SELECT n.key FROM {index}.item n WHERE n.id = coalesce(g.target, h.target) AND n.kind = 1)], NULL) END AS entities
FROM (SELECT 1) one
LEFT JOIN {index}.item i ON i.id = e.item AND i.kind < 3 AND e.kind <> 'fact'
LEFT JOIN LATERAL (SELECT * FROM {index}.past_item q WHERE i.id IS NULL AND e.kind <> 'fact' AND q.id = e.item
                   AND q.kind < 3 ORDER BY upper(q.known) DESC LIMIT 1) p ON true
LEFT JOIN {index}.edge g ON g.id = e.item AND e.kind = 'fact'
LEFT JOIN LATERAL (SELECT * FROM {index}.past_edge q WHERE g.id IS NULL AND e.kind = 'fact' AND q.id = e.item
                   ORDER BY upper(q.known) DESC LIMIT 1) h ON true
LEFT JOIN {index}.label l ON l.id = e.item >> 48
LEFT JOIN {index}.source o ON o.id = coalesce(i.source, p.source, g.origin, h.origin)

-- name: state
SELECT number, problem, CASE WHEN evaluated > '-infinity' THEN evaluated END AS evaluated
FROM {index}.followed_answer WHERE subscription = $1
