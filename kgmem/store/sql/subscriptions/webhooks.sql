-- Webhooks: where events of a graph are sent, how far they were, and which wait for another attempt. What is sent is read
-- from the change feed at each attempt.

-- name: create
CREATE TABLE {index}.webhook (
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
    change       bigint NOT NULL,          -- Events up to this place were sent, or wait for another attempt.
    place        integer NOT NULL,
    failures     integer NOT NULL DEFAULT 0,
    failing      timestamptz,              -- Since when.
    succeeded    timestamptz,
    attempted    timestamptz,
    paused       timestamptz,              -- Until when nothing is sent.
    slow         boolean NOT NULL DEFAULT false,
    lease        text,                     -- Of the run that is at work,
    until        timestamptz,              -- until then.
    UNIQUE (scope, name)
);
CREATE TABLE {index}.webhook_secret (
    webhook        bigint PRIMARY KEY,
    secret         text NOT NULL,
    previous       text,
    previous_until timestamptz
);
CREATE TABLE {index}.webhook_waiting (
    webhook  bigint NOT NULL,
    change   bigint NOT NULL,
    place    integer NOT NULL,
    item     text COLLATE "C" NOT NULL,    -- Events of one item are sent in their order.
    attempts integer NOT NULL,
    due      timestamptz NOT NULL,
    dead     timestamptz,                  -- When it was given up.
    reason   text,
    PRIMARY KEY (webhook, change, place)
);
CREATE INDEX webhook_waiting_item ON {index}.webhook_waiting (webhook, item) WHERE dead IS NULL;
CREATE TABLE {index}.webhook_attempt (
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
CREATE INDEX webhook_attempt_newest ON {index}.webhook_attempt (webhook, id);

-- name: add
WITH made AS (
    INSERT INTO {index}.webhook (scope, name, url, what, filter, below, batch, max_attempts, author, change, place)
    VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11) ON CONFLICT (scope, name) DO NOTHING RETURNING id
)
INSERT INTO {index}.webhook_secret (webhook, secret) SELECT id, $12 FROM made RETURNING webhook

-- name: count
SELECT count(*) FROM {index}.webhook WHERE scope = $1

-- name: get
SELECT w.*, w.filter::text AS narrowed, s.previous_until,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NULL) AS waiting,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NOT NULL) AS dead
FROM {index}.webhook w JOIN {index}.webhook_secret s ON s.webhook = w.id WHERE w.scope = $1 AND w.name = $2

-- name: by_id
SELECT w.*, w.filter::text AS narrowed, s.previous_until, p.path,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NULL) AS waiting,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NOT NULL) AS dead
FROM {index}.webhook w JOIN {index}.webhook_secret s ON s.webhook = w.id JOIN {index}.scope p ON p.id = w.scope
WHERE w.id = $1

-- name: list
SELECT w.*, w.filter::text AS narrowed, s.previous_until,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NULL) AS waiting,
       (SELECT count(*) FROM {index}.webhook_waiting p WHERE p.webhook = w.id AND p.dead IS NOT NULL) AS dead
FROM {index}.webhook w JOIN {index}.webhook_secret s ON s.webhook = w.id
WHERE w.scope = $1 AND w.name > $2 ORDER BY w.name LIMIT $3

-- name: update
-- An active webhook has no reason, and begins without failures.
UPDATE {index}.webhook
SET url = $2, what = $3, filter = $4::jsonb, below = $5, batch = $6, max_attempts = $7, author = $8,
    active = coalesce($9, active), reason = CASE WHEN $9 IS NULL THEN reason WHEN $9 THEN NULL ELSE 'It was disabled.' END,
    failures = CASE WHEN $9 THEN 0 ELSE failures END, failing = CASE WHEN $9 THEN NULL ELSE failing END,
    paused = CASE WHEN $9 THEN NULL ELSE paused END, slow = CASE WHEN $9 THEN false ELSE slow END
WHERE id = $1

-- name: rotate
UPDATE {index}.webhook_secret
SET previous = CASE WHEN $3 > 0 THEN secret END, secret = $2,
    previous_until = CASE WHEN $3 > 0 THEN clock_timestamp() + make_interval(secs => $3) END
WHERE webhook = $1

-- name: secrets
SELECT secret, CASE WHEN previous_until > clock_timestamp() THEN previous END AS previous
FROM {index}.webhook_secret WHERE webhook = $1

-- name: delete
WITH secret AS (DELETE FROM {index}.webhook_secret WHERE webhook = $1),
     waiting AS (DELETE FROM {index}.webhook_waiting WHERE webhook = $1),
     attempts AS (DELETE FROM {index}.webhook_attempt WHERE webhook = $1)
DELETE FROM {index}.webhook WHERE id = $1

-- name: attempts
SELECT at, message, events, attempt, status, error, ms FROM {index}.webhook_attempt
WHERE webhook = $1 ORDER BY id DESC LIMIT $2

-- name: dead
SELECT change, place, item, attempts, reason, dead FROM {index}.webhook_waiting
WHERE webhook = $1 AND dead IS NOT NULL AND (change, place) > ($2::bigint, $3::integer) ORDER BY change, place LIMIT $4

-- name: replay
WITH back AS (
    UPDATE {index}.webhook_waiting SET dead = NULL, attempts = 0, due = clock_timestamp()
    WHERE webhook = $1 AND dead IS NOT NULL
      AND ($2::bigint[] IS NULL OR (change, place) IN (SELECT * FROM unnest($2::bigint[], $3::integer[])))
    RETURNING 1
), awake AS (UPDATE {index}.webhook SET paused = NULL WHERE id = $1)
SELECT count(*) FROM back

-- name: discard
WITH gone AS (
    DELETE FROM {index}.webhook_waiting
    WHERE webhook = $1 AND dead IS NOT NULL
      AND ($2::bigint[] IS NULL OR (change, place) IN (SELECT * FROM unnest($2::bigint[], $3::integer[])))
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: due
-- Webhooks that nobody works on, with events behind their places, or with some whose time has come. Those that fail ($1
-- times in a row) take no new events while others wait.
SELECT w.id, w.slow FROM {index}.webhook w
WHERE w.active AND (w.until IS NULL OR w.until <= clock_timestamp()) AND (w.paused IS NULL OR w.paused <= clock_timestamp())
  AND ((w.change < coalesce((SELECT max(c.id) FROM {index}.change c), 0)
        AND (w.failures < $1 OR NOT EXISTS (SELECT FROM {index}.webhook_waiting p
                                            WHERE p.webhook = w.id AND p.dead IS NULL)))
       OR EXISTS (SELECT FROM {index}.webhook_waiting p
                  WHERE p.webhook = w.id AND p.dead IS NULL AND p.due <= clock_timestamp()))
ORDER BY w.id

-- name: begin
UPDATE {index}.webhook SET lease = $2, until = clock_timestamp() + make_interval(secs => $3)
WHERE id = $1 AND active AND (until IS NULL OR until <= clock_timestamp())
  AND (paused IS NULL OR paused <= clock_timestamp()) RETURNING id

-- name: next_waiting
-- What is due, oldest first, unless an earlier event of its item is not.
SELECT p.change, p.place, p.item, p.attempts FROM {index}.webhook_waiting p
WHERE p.webhook = $1 AND p.dead IS NULL AND p.due <= clock_timestamp()
  AND NOT EXISTS (SELECT FROM {index}.webhook_waiting e
                  WHERE e.webhook = $1 AND e.item = p.item AND e.dead IS NULL AND e.due > clock_timestamp()
                    AND (e.change, e.place) < (p.change, p.place))
ORDER BY p.change, p.place LIMIT $2

-- name: waiting_items
SELECT DISTINCT item FROM {index}.webhook_waiting WHERE webhook = $1 AND dead IS NULL

-- name: forget
DELETE FROM {index}.webhook_waiting
WHERE webhook = $1 AND (change, place) IN (SELECT * FROM unnest($2::bigint[], $3::integer[]))

-- name: keep
-- Events that wait for another attempt, none before those of its item; those that were tried $8 times are given up.
INSERT INTO {index}.webhook_waiting (webhook, change, place, item, attempts, due, dead, reason)
SELECT $1, n.change, n.place, n.item, n.attempts,
       greatest(clock_timestamp() + make_interval(secs => n.pause), (
           SELECT max(p.due) FROM {index}.webhook_waiting p WHERE p.webhook = $1 AND p.item = n.item AND p.dead IS NULL
           AND (p.change, p.place) < (n.change, n.place))),
       CASE WHEN n.attempts >= $8 THEN clock_timestamp() END, n.reason
FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::integer[], $6::float8[], $7::text[])
     AS n (change, place, item, attempts, pause, reason)
ON CONFLICT (webhook, change, place) DO UPDATE
SET attempts = EXCLUDED.attempts, due = EXCLUDED.due, dead = EXCLUDED.dead,
    reason = coalesce(EXCLUDED.reason, webhook_waiting.reason)

-- name: forget_dead
DELETE FROM {index}.webhook_waiting p WHERE p.webhook = $1 AND p.dead IS NOT NULL AND (p.change, p.place) < (
    SELECT e.change, e.place FROM {index}.webhook_waiting e WHERE e.webhook = $1 AND e.dead IS NOT NULL
    ORDER BY e.change DESC, e.place DESC OFFSET $2 LIMIT 1)

-- name: log
INSERT INTO {index}.webhook_attempt (webhook, message, events, attempt, status, error, ms)
SELECT $1, n.* FROM unnest($2::text[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::integer[]) AS n

-- name: forget_attempts
DELETE FROM {index}.webhook_attempt a WHERE a.webhook = $1 AND a.id < (
    SELECT e.id FROM {index}.webhook_attempt e WHERE e.webhook = $1 ORDER BY e.id DESC OFFSET $2 LIMIT 1)

-- name: move
-- Under the lease only. Failures in a row are counted ($5), or begin anew after a success ($4).
UPDATE {index}.webhook
SET change = $3, place = $9, failures = CASE WHEN $4 THEN 0 ELSE failures + $5 END,
    failing = CASE WHEN $4 THEN NULL WHEN $5 > 0 THEN coalesce(failing, clock_timestamp()) ELSE failing END,
    succeeded = CASE WHEN $6 THEN clock_timestamp() ELSE succeeded END,
    attempted = CASE WHEN $6 OR $5 > 0 THEN clock_timestamp() ELSE attempted END,
    paused = CASE WHEN $7 > 0 THEN clock_timestamp() + make_interval(secs => $7) END,
    slow = $8, reason = coalesce($10, reason), until = clock_timestamp() + make_interval(secs => $11)
WHERE id = $1 AND lease = $2 AND active RETURNING id

-- name: disable
UPDATE {index}.webhook SET active = false, reason = $2 WHERE id = $1

-- name: end
UPDATE {index}.webhook SET lease = NULL, until = NULL WHERE id = $1 AND lease = $2
