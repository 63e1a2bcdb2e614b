-- Work streams. Messages have numbers that are given under the lock of their stream, so in the order of the commits. What
-- a group has taken and not acknowledged are rows of work_delivery: a row with a consumer is leased, one without waits.

-- name: create
CREATE TABLE {index}.work_stream (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope          integer NOT NULL,
    name           text COLLATE "C" NOT NULL,
    last           bigint NOT NULL DEFAULT 0,
    max_length     integer NOT NULL,
    max_age        integer NOT NULL,
    max_deliveries integer NOT NULL,
    created        timestamptz NOT NULL DEFAULT now(),
    author         text,
    place          smallint NOT NULL DEFAULT 0,  -- Where its messages are: 0 here, 1 to be made in Redis, 2 in Redis.
    UNIQUE (scope, name)
) WITH (fillfactor = 50);
CREATE TABLE {index}.work_message (
    stream bigint NOT NULL,
    seq    bigint NOT NULL,
    key    text COLLATE "C",
    idem   text COLLATE "C",
    at     timestamptz NOT NULL,
    author text,
    body   text NOT NULL,
    PRIMARY KEY (stream, seq)
);
CREATE UNIQUE INDEX work_message_once ON {index}.work_message (stream, idem) WHERE idem IS NOT NULL;
CREATE TABLE {index}.work_group (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream bigint NOT NULL,
    name   text COLLATE "C" NOT NULL,
    taken  bigint NOT NULL,                -- Messages up to here were taken for the group.
    UNIQUE (stream, name)
) WITH (fillfactor = 50);
CREATE TABLE {index}.work_delivery (
    member     bigint NOT NULL,            -- The group.
    seq        bigint NOT NULL,
    key        text COLLATE "C",
    consumer   text,
    until      timestamptz,                -- The end of the lease; without a consumer: not to be delivered earlier.
    delivered  timestamptz,
    deliveries integer NOT NULL,
    reason     text,
    PRIMARY KEY (member, seq)
);
CREATE INDEX work_delivery_key ON {index}.work_delivery (member, key, seq) WHERE key IS NOT NULL;
CREATE TABLE {index}.work_dead (
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

-- name: make
INSERT INTO {index}.work_stream (scope, name, max_length, max_age, max_deliveries, author, place)
SELECT $1, $2, $3, $4, $5, $6, $8 WHERE (SELECT count(*) FROM {index}.work_stream WHERE scope = $1) < $7
ON CONFLICT (scope, name) DO NOTHING RETURNING id

-- name: set
UPDATE {index}.work_stream SET max_length = $3, max_age = $4, max_deliveries = $5 WHERE scope = $1 AND name = $2

-- name: get
SELECT s.*, s.last - coalesce((SELECT min(m.seq) FROM {index}.work_message m WHERE m.stream = s.id), s.last + 1) + 1
           AS length
FROM {index}.work_stream s WHERE s.scope = $1 AND s.name = $2

-- name: list
SELECT s.*, s.last - coalesce((SELECT min(m.seq) FROM {index}.work_message m WHERE m.stream = s.id), s.last + 1) + 1
           AS length
FROM {index}.work_stream s WHERE s.scope = $1 AND s.name > $2 ORDER BY s.name LIMIT $3

-- name: groups
SELECT g.stream, g.name, g.taken, s.last - g.taken AS lag,
       (SELECT count(*) FROM {index}.work_delivery d WHERE d.member = g.id) AS pending,
       (SELECT count(*) FROM {index}.work_dead d WHERE d.member = g.id) AS dead
FROM {index}.work_group g JOIN {index}.work_stream s ON s.id = g.stream
WHERE g.stream = ANY ($1::bigint[]) ORDER BY g.stream, g.name

-- name: lock
-- Who holds it gives the next numbers.
SELECT id, last, max_length, max_age, place,
       last - coalesce((SELECT min(m.seq) FROM {index}.work_message m WHERE m.stream = s.id), last + 1) + 1 AS length
FROM {index}.work_stream s WHERE id = $1 FOR UPDATE

-- name: same
SELECT idem, seq, key, body FROM {index}.work_message WHERE stream = $1 AND idem = ANY ($2::text[])

-- name: append
WITH moved AS (UPDATE {index}.work_stream SET last = $2 + cardinality($3::text[]) WHERE id = $1)
INSERT INTO {index}.work_message (stream, seq, key, idem, at, author, body)
SELECT $1, $2 + n.place, n.key, n.idem, clock_timestamp(), n.author, n.body
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) WITH ORDINALITY AS n (body, key, idem, author, place)

-- name: messages
SELECT seq, key, body, at, author FROM {index}.work_message WHERE stream = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: make_group
-- Only while the stream is there, and few groups are.
INSERT INTO {index}.work_group (stream, name, taken)
SELECT s.id, $2, CASE WHEN $3 THEN 0 ELSE s.last END FROM {index}.work_stream s
WHERE s.id = $1 AND (SELECT count(*) FROM {index}.work_group g WHERE g.stream = s.id) < $4
FOR KEY SHARE OF s
ON CONFLICT DO NOTHING

-- name: group
SELECT g.id, g.taken FROM {index}.work_group g WHERE g.stream = $1 AND g.name = $2

-- name: lock_group
-- One consumer of a group at a time is served.
SELECT g.id, g.taken FROM {index}.work_group g WHERE g.stream = $1 AND g.name = $2 FOR UPDATE

-- name: waits
-- Whether a group may have something to deliver: for readers that wait, and write nothing meanwhile.
SELECT g.taken < s.last OR EXISTS (
    SELECT FROM {index}.work_delivery d WHERE d.member = g.id AND (d.until IS NULL OR d.until <= clock_timestamp())
    AND (d.key IS NULL OR NOT EXISTS (
        SELECT FROM {index}.work_delivery e WHERE e.member = d.member AND e.key = d.key
        AND (e.seq < d.seq OR (e.seq > d.seq AND e.consumer IS NOT NULL AND e.until > clock_timestamp())))))
FROM {index}.work_group g JOIN {index}.work_stream s ON s.id = g.stream WHERE g.stream = $1 AND g.name = $2

-- name: bury
-- Messages whose last lease is over after so many deliveries ($3), and those in $4 whatever they are.
WITH gone AS (
    DELETE FROM {index}.work_delivery d
    WHERE d.member = $1 AND (d.seq = ANY ($4::bigint[]) OR (
              d.deliveries >= $3 AND d.until <= clock_timestamp() AND d.consumer IS NOT NULL))
    RETURNING d.seq, d.key, d.deliveries, d.reason
), buried AS (
    INSERT INTO {index}.work_dead (member, seq, key, body, at, author, deliveries, reason)
    SELECT $1, g.seq, g.key, m.body, m.at, m.author, g.deliveries, coalesce(g.reason, 'No consumer acknowledged it.')
    FROM gone g JOIN {index}.work_message m ON m.stream = $2 AND m.seq = g.seq
    ON CONFLICT (member, seq) DO NOTHING
)
SELECT seq FROM gone

-- name: forget_dead
DELETE FROM {index}.work_dead d WHERE d.member = $1 AND d.seq < (
    SELECT e.seq FROM {index}.work_dead e WHERE e.member = $1 ORDER BY e.seq DESC OFFSET $2 LIMIT 1)

-- name: take_waiting
-- What waits, or whose lease is over, in order; of each key only the first message that is not acknowledged, while no
-- later one is leased (as where a dead letter comes back).
WITH free AS (
    SELECT d.seq FROM {index}.work_delivery d
    WHERE d.member = $1 AND (d.until IS NULL OR d.until <= clock_timestamp())
      AND (d.key IS NULL OR NOT EXISTS (
          SELECT FROM {index}.work_delivery e WHERE e.member = $1 AND e.key = d.key
          AND (e.seq < d.seq OR (e.seq > d.seq AND e.consumer IS NOT NULL AND e.until > clock_timestamp()))))
    ORDER BY d.seq LIMIT $3
), taken AS (
    UPDATE {index}.work_delivery d
    SET consumer = $4, deliveries = d.deliveries + 1, delivered = clock_timestamp(),
        until = clock_timestamp() + make_interval(secs => $5)
    FROM free f WHERE d.member = $1 AND d.seq = f.seq
    RETURNING d.seq, d.deliveries, d.until
)
SELECT m.seq, m.key, m.body, m.at, m.author, t.deliveries, t.until
FROM taken t JOIN {index}.work_message m ON m.stream = $2 AND m.seq = t.seq ORDER BY m.seq

-- name: take_new
-- The next messages of a stream ($2) behind a number ($3), at most $4 of those that may be delivered. Of each key that is
-- the first one, unless an earlier one is not acknowledged. What must wait becomes a row without a consumer.
WITH fresh AS (
    SELECT n.seq, n.key, n.key IS NULL OR (
               row_number() OVER (PARTITION BY n.key ORDER BY n.seq) = 1
               AND NOT EXISTS (SELECT FROM {index}.work_delivery d WHERE d.member = $1 AND d.key = n.key)) AS free
    FROM (SELECT m.seq, m.key FROM {index}.work_message m WHERE m.stream = $2 AND m.seq > $3
          ORDER BY m.seq LIMIT $7) n
), counted AS (
    SELECT f.*, count(*) FILTER (WHERE f.free) OVER (ORDER BY f.seq) AS nth FROM fresh f
), chosen AS (
    SELECT c.seq, c.key, c.free FROM counted c WHERE c.nth < $4 OR (c.nth = $4 AND c.free)
), moved AS (
    UPDATE {index}.work_group SET taken = c.newest FROM (SELECT max(seq) AS newest FROM chosen) c
    WHERE id = $1 AND c.newest > taken
), added AS (
    INSERT INTO {index}.work_delivery (member, seq, key, consumer, until, delivered, deliveries)
    SELECT $1, c.seq, c.key, CASE WHEN c.free THEN $5 END,
           CASE WHEN c.free THEN clock_timestamp() + make_interval(secs => $6) END,
           CASE WHEN c.free THEN clock_timestamp() END, c.free::integer
    FROM chosen c
    RETURNING seq, deliveries, until
)
SELECT m.seq, m.key, m.body, m.at, m.author, a.deliveries, a.until
FROM added a JOIN {index}.work_message m ON m.stream = $2 AND m.seq = a.seq
ORDER BY m.seq

-- name: acknowledge
DELETE FROM {index}.work_delivery d USING unnest($2::bigint[], $3::integer[]) AS r (seq, deliveries)
WHERE d.member = $1 AND d.seq = r.seq AND d.deliveries = r.deliveries AND d.consumer IS NOT NULL RETURNING d.seq

-- name: acknowledge_by_name
-- As `acknowledge`, for the group ($5) of the stream ($4) of a scope ($1), in one round trip.
DELETE FROM {index}.work_delivery d USING unnest($2::bigint[], $3::integer[]) AS r (seq, deliveries)
WHERE d.member = (SELECT g.id FROM {index}.work_group g JOIN {index}.work_stream s ON s.id = g.stream
                  WHERE s.scope = $1 AND s.name = $4 AND s.place = 0 AND g.name = $5)
  AND d.seq = r.seq AND d.deliveries = r.deliveries AND d.consumer IS NOT NULL RETURNING d.seq

-- name: extend
UPDATE {index}.work_delivery d SET until = clock_timestamp() + make_interval(secs => $4)
FROM unnest($2::bigint[], $3::integer[]) AS r (seq, deliveries)
WHERE d.member = $1 AND d.seq = r.seq AND d.deliveries = r.deliveries AND d.consumer IS NOT NULL RETURNING d.seq

-- name: release
UPDATE {index}.work_delivery d
SET consumer = NULL, until = clock_timestamp() + make_interval(secs => $4), reason = coalesce($5, d.reason)
FROM unnest($2::bigint[], $3::integer[]) AS r (seq, deliveries)
WHERE d.member = $1 AND d.seq = r.seq AND d.deliveries = r.deliveries AND d.consumer IS NOT NULL
RETURNING d.seq, d.deliveries

-- name: claim
WITH had AS (
    SELECT d.seq FROM {index}.work_delivery d
    WHERE d.member = $1 AND d.consumer = $3 AND d.delivered <= clock_timestamp() - make_interval(secs => $4)
    ORDER BY d.seq LIMIT $5 FOR UPDATE
), taken AS (
    UPDATE {index}.work_delivery d
    SET consumer = $6, deliveries = d.deliveries + 1, delivered = clock_timestamp(),
        until = clock_timestamp() + make_interval(secs => $7)
    FROM had h WHERE d.member = $1 AND d.seq = h.seq
    RETURNING d.seq, d.deliveries, d.until
)
SELECT m.seq, m.key, m.body, m.at, m.author, t.deliveries, t.until
FROM taken t JOIN {index}.work_message m ON m.stream = $2 AND m.seq = t.seq ORDER BY m.seq

-- name: pending
SELECT seq, key, consumer, deliveries, delivered, until, reason FROM {index}.work_delivery
WHERE member = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: held
-- How many messages a group has taken and not acknowledged, at most $2; whether some are to be given up after so many
-- deliveries ($3), and whether some may be delivered.
SELECT count(*) AS count, coalesce(bool_or(h.over AND h.consumer IS NOT NULL AND h.deliveries >= $3), false) AS spent,
       coalesce(bool_or(h.over IS NOT FALSE), false) AS waits
FROM (SELECT d.consumer, d.deliveries, d.until <= clock_timestamp() AS over FROM {index}.work_delivery d
      WHERE d.member = $1 LIMIT $2) h

-- name: dead
SELECT seq, key, body, deliveries, reason, died FROM {index}.work_dead WHERE member = $1 AND seq > $2 ORDER BY seq LIMIT $3

-- name: replay
WITH back AS (
    DELETE FROM {index}.work_dead d WHERE d.member = $1 AND ($3::bigint[] IS NULL OR d.seq = ANY ($3))
    RETURNING d.seq, d.key, d.body, d.at, d.author
), again AS (
    INSERT INTO {index}.work_message (stream, seq, key, at, author, body)
    SELECT $2, b.seq, b.key, b.at, b.author, b.body FROM back b ON CONFLICT DO NOTHING
), waiting AS (
    INSERT INTO {index}.work_delivery (member, seq, key, deliveries)
    SELECT $1, b.seq, b.key, 0 FROM back b ON CONFLICT DO NOTHING
)
SELECT count(*) FROM back

-- name: discard
WITH gone AS (DELETE FROM {index}.work_dead WHERE member = $1 AND ($2::bigint[] IS NULL OR seq = ANY ($2)) RETURNING 1)
SELECT count(*) FROM gone

-- name: delete_group
WITH pending AS (DELETE FROM {index}.work_delivery WHERE member = $1),
     dead AS (DELETE FROM {index}.work_dead WHERE member = $1)
DELETE FROM {index}.work_group WHERE id = $1

-- name: delete
WITH groups AS (DELETE FROM {index}.work_group WHERE stream = $1 RETURNING id),
     pending AS (DELETE FROM {index}.work_delivery d USING groups g WHERE d.member = g.id),
     dead AS (DELETE FROM {index}.work_dead d USING groups g WHERE d.member = g.id),
     messages AS (DELETE FROM {index}.work_message WHERE stream = $1)
DELETE FROM {index}.work_stream WHERE id = $1

-- name: trim
-- The oldest messages behind a length ($2) or an age ($3, seconds), at most $4, that no group needs any more.
WITH gone AS (
    DELETE FROM {index}.work_message m WHERE m.stream = $1 AND m.seq IN (
        SELECT o.seq FROM {index}.work_message o
        WHERE o.stream = $1
          AND (o.seq <= (SELECT s.last - $2 FROM {index}.work_stream s WHERE s.id = $1)
               OR o.at < clock_timestamp() - make_interval(secs => $3))
          AND o.seq <= coalesce((SELECT min(g.taken) FROM {index}.work_group g WHERE g.stream = $1), o.seq)
          AND NOT EXISTS (SELECT FROM {index}.work_group g JOIN {index}.work_delivery d ON d.member = g.id AND d.seq = o.seq
                          WHERE g.stream = $1)
        ORDER BY o.seq LIMIT $4)
    RETURNING 1
)
SELECT count(*) FROM gone

-- name: all
SELECT id, max_length, max_age, place FROM {index}.work_stream ORDER BY id

-- name: made_in_redis
UPDATE {index}.work_stream SET place = 2 WHERE id = $1 AND place = 1

-- name: old_dead
DELETE FROM {index}.work_dead WHERE died < clock_timestamp() - make_interval(days => 30)
