-- Subscriptions to the events of a graph, and how far their consumer groups are. Events are read from the change feed:
-- nothing is written for them.

-- name: create
CREATE TABLE {index}.subscription (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    name    text COLLATE "C" NOT NULL,
    what    text NOT NULL,
    filter  jsonb NOT NULL,
    below   boolean NOT NULL,
    start   bigint NOT NULL,               -- The change behind which new groups begin.
    created timestamptz NOT NULL DEFAULT now(),
    author  text,
    UNIQUE (scope, name)
);
CREATE TABLE {index}.subscription_group (
    subscription bigint NOT NULL,
    name         text COLLATE "C" NOT NULL,
    change       bigint NOT NULL,          -- What is acknowledged: up to this place in the ids of this change.
    place        integer NOT NULL,
    lease        text,                     -- Of the consumer that is at work,
    until        timestamptz,              -- until then,
    to_change    bigint,                   -- and up to where events were delivered to it.
    to_place     integer,
    PRIMARY KEY (subscription, name)
);
-- The scopes of what was erased from the history, so that those who could see it are told that it is gone.
CREATE TABLE {index}.erased_scope (
    kind  smallint NOT NULL,               -- As in the change feed; 3 stands for whatever has a graphid.
    id    bigint NOT NULL,
    scope integer NOT NULL,
    PRIMARY KEY (kind, id)
);

-- name: add
INSERT INTO {index}.subscription (scope, name, what, filter, below, start, author)
VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7) ON CONFLICT (scope, name) DO NOTHING RETURNING id

-- name: count
SELECT count(*) FROM {index}.subscription WHERE scope = $1

-- name: get
SELECT s.id, s.name, s.what, s.filter::text AS filter, s.below, s.start, s.created, s.author, a.question::text AS question
FROM {index}.subscription s LEFT JOIN {index}.followed_answer a ON a.subscription = s.id
WHERE s.scope = $1 AND s.name = $2

-- name: list
SELECT s.id, s.name, s.what, s.filter::text AS filter, s.below, s.start, s.created, s.author, a.question::text AS question
FROM {index}.subscription s LEFT JOIN {index}.followed_answer a ON a.subscription = s.id
WHERE s.scope = $1 AND s.name > $2 ORDER BY s.name LIMIT $3

-- name: groups
SELECT subscription, name, change, place, CASE WHEN until > clock_timestamp() THEN until END AS until
FROM {index}.subscription_group WHERE subscription = ANY ($1::bigint[]) ORDER BY subscription, name

-- name: delete
WITH groups AS (DELETE FROM {index}.subscription_group WHERE subscription = $1 RETURNING 1),
     gone AS (DELETE FROM {index}.subscription WHERE id = $1)
SELECT count(*) FROM groups

-- name: all
SELECT s.name, p.path, s.what, s.filter::text AS filter, s.below, s.created, s.author, a.question::text AS question,
       (SELECT array_agg(g.name ORDER BY g.name) FROM {index}.subscription_group g WHERE g.subscription = s.id) AS groups
FROM {index}.subscription s JOIN {index}.scope p ON p.id = s.scope
LEFT JOIN {index}.followed_answer a ON a.subscription = s.id
WHERE $1::text IS NULL OR p.path = $1 ORDER BY p.path, s.name

-- name: restore
INSERT INTO {index}.subscription (scope, name, what, filter, below, start, author, created)
SELECT $1, $2, $3, $4::jsonb, $5, coalesce((SELECT max(id) FROM {index}.change), 0), $6, $7
ON CONFLICT (scope, name) DO NOTHING RETURNING id

-- name: restore_groups
INSERT INTO {index}.subscription_group (subscription, name, change, place)
SELECT s.id, n.name, s.start, $3 FROM {index}.subscription s CROSS JOIN unnest($2::text[]) AS n (name) WHERE s.id = $1
ON CONFLICT DO NOTHING

-- name: make_group
-- Only while the subscription is there, and few groups are.
INSERT INTO {index}.subscription_group (subscription, name, change, place)
SELECT s.id, $2, s.start, $3 FROM {index}.subscription s
WHERE s.id = $1 AND (SELECT count(*) FROM {index}.subscription_group g WHERE g.subscription = s.id) < $4
FOR KEY SHARE OF s
ON CONFLICT DO NOTHING

-- name: lock_group
SELECT change, place, lease, to_change, to_place, until > clock_timestamp() AS leased, until
FROM {index}.subscription_group WHERE subscription = $1 AND name = $2 FOR UPDATE

-- name: look_at_group
SELECT change, place FROM {index}.subscription_group WHERE subscription = $1 AND name = $2

-- name: lease
UPDATE {index}.subscription_group
SET lease = $3, until = clock_timestamp() + make_interval(secs => $4), to_change = NULL, to_place = NULL
WHERE subscription = $1 AND name = $2

-- name: deliver
-- Gives nothing where another consumer has got the lease meanwhile.
UPDATE {index}.subscription_group
SET until = clock_timestamp() + make_interval(secs => $4), to_change = $5, to_place = $6
WHERE subscription = $1 AND name = $2 AND lease = $3 RETURNING until

-- name: pass
-- Behind events of which none matches there is nothing to acknowledge.
UPDATE {index}.subscription_group
SET change = $4, place = $5, lease = NULL, until = NULL, to_change = NULL, to_place = NULL
WHERE subscription = $1 AND name = $2 AND lease = $3 RETURNING change

-- name: set_group
UPDATE {index}.subscription_group
SET change = $3, place = $4, lease = CASE WHEN $5 THEN lease END, until = CASE WHEN $5 THEN until END,
    to_change = CASE WHEN $5 THEN to_change END, to_place = CASE WHEN $5 THEN to_place END
WHERE subscription = $1 AND name = $2

-- name: delete_group
DELETE FROM {index}.subscription_group WHERE subscription = $1 AND name = $2 RETURNING 1

-- name: ends
-- The oldest and the newest change, and below what transaction all are decided.
SELECT (SELECT min(id) FROM {index}.change) AS oldest, (SELECT max(id) FROM {index}.change) AS newest,
       kgmem.settled_below()::text::bigint AS below

-- name: mark
-- Up to which change ids are given, and a transaction that began after all transactions which have one of these ids:
-- who writes a change has written rows before, so its transaction has its number before the change gets its id.
SELECT (SELECT max(id) FROM {index}.change) AS newest, pg_current_xact_id()::text::bigint AS until

-- name: before_time
SELECT id FROM {index}.change WHERE at < $1 ORDER BY id DESC LIMIT 1

-- name: events
-- Items of changes behind a place ($1, $2) up to a change ($3), at most $4; of those that are left after that, the
-- scopes in $5 and, with $6, those below $7 are shown. An item that is gone is as it was last.
WITH entry AS MATERIALIZED (
    SELECT c.id AS change, u.place, c.at, c.operation, c.kind, u.item, c.keys[u.place] AS word
    FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) WITH ORDINALITY AS u (item, place)
    WHERE c.id >= $1 AND c.id <= $3 AND (c.id > $1 OR u.place > $2) AND c.kind <> 4
    ORDER BY c.id, u.place LIMIT $4
), told AS (
    SELECT e.*, coalesce(i.scope, p.scope, x.scope) AS scope, coalesce(i.key, p.key, nullif(e.word, '')) AS name,
           coalesce(i.labels, p.labels) AS labels, l.name AS label, coalesce(i.source, p.source) AS origin,
           NULL::text[] AS entities, NULL::smallint AS state, NULL::smallint AS before, NULL::text AS by,
           EXISTS (SELECT 1 FROM {index}.session_message m WHERE m.item = e.item) AS message
    FROM entry e
    LEFT JOIN {index}.item i ON i.id = e.item AND i.kind < 3
    LEFT JOIN LATERAL (SELECT * FROM {index}.past_item h WHERE i.id IS NULL AND h.id = e.item AND h.kind < 3
                       ORDER BY upper(h.known) DESC LIMIT 1) p ON true
    LEFT JOIN {index}.erased_scope x ON x.kind = 3 AND x.id = e.item
    LEFT JOIN {index}.label l ON l.id = e.item >> 48
    WHERE e.kind <= 2
    UNION ALL
    SELECT e.*, coalesce(g.scope, p.scope, x.scope), coalesce(g.key, p.key), NULL, l.name, coalesce(g.origin, p.origin),
           array_remove(ARRAY[
               (SELECT coalesce((SELECT i.key FROM {index}.item i WHERE i.id = n.id AND i.kind = 1),
                                (SELECT h.key FROM {index}.past_item h WHERE h.id = n.id AND h.kind = 1
                                 ORDER BY upper(h.known) DESC LIMIT 1))
                FROM (SELECT coalesce(g.source, p.source) AS id) n),
               (SELECT coalesce((SELECT i.key FROM {index}.item i WHERE i.id = n.id AND i.kind = 1),
                                (SELECT h.key FROM {index}.past_item h WHERE h.id = n.id AND h.kind = 1
                                 ORDER BY upper(h.known) DESC LIMIT 1))
                FROM (SELECT coalesce(g.target, p.target) AS id) n)], NULL),
           NULL, NULL, NULL, false
    FROM entry e
    LEFT JOIN {index}.edge g ON g.id = e.item
    LEFT JOIN LATERAL (SELECT * FROM {index}.past_edge h WHERE g.id IS NULL AND h.id = e.item
                       ORDER BY upper(h.known) DESC LIMIT 1) p ON true
    LEFT JOIN {index}.erased_scope x ON x.kind = 3 AND x.id = e.item
    LEFT JOIN {index}.label l ON l.id = e.item >> 48
    WHERE e.kind = 3
    UNION ALL
    SELECT e.*, coalesce(t.scope, x.scope), NULL, NULL, t.predicate, c.source,
           array_remove(ARRAY[t.subject, coalesce(c.object, nullif(t.about, ''))], NULL), NULL, NULL, NULL, false
    FROM entry e
    LEFT JOIN {index}.claim c ON c.id = e.item
    LEFT JOIN {index}.topic t ON t.id = c.topic
    LEFT JOIN {index}.erased_scope x ON x.kind = 5 AND x.id = e.item
    WHERE e.kind = 5
    UNION ALL
    SELECT e.*, coalesce(t.scope, x.scope), NULL, NULL, t.predicate, NULL,
           array_remove(ARRAY[t.subject, nullif(t.about, '')], NULL), NULL, b.state, d.by, false
    FROM entry e
    LEFT JOIN {index}.fact f ON f.id = e.item
    LEFT JOIN LATERAL (SELECT * FROM {index}.past_fact h WHERE h.id = e.item AND upper(h.known) <= e.at
                       ORDER BY upper(h.known) DESC LIMIT 1) b ON e.operation > 1
    LEFT JOIN LATERAL (SELECT h.topic FROM {index}.past_fact h WHERE f.id IS NULL AND h.id = e.item LIMIT 1) p ON true
    -- Who decided, as far as the fact is still as the event made it.
    LEFT JOIN LATERAL (SELECT h.decision FROM {index}.past_fact h WHERE h.id = e.item AND upper(h.known) > e.at
                       ORDER BY upper(h.known) LIMIT 1) a ON true
    LEFT JOIN {index}.adjudication d ON d.id = coalesce(a.decision, f.decision) AND e.operation < 3
    LEFT JOIN {index}.topic t ON t.id = coalesce(f.topic, p.topic)
    LEFT JOIN {index}.erased_scope x ON x.kind = 6 AND x.id = e.item
    WHERE e.kind = 6
)
SELECT t.change, t.place::integer AS place, t.at, t.operation, t.kind, t.item, t.word, t.name, t.labels, t.label,
       s.path, o.key AS source, t.entities, t.before, t.by, t.message
FROM told t
LEFT JOIN {index}.scope s ON s.id = t.scope
LEFT JOIN {index}.source o ON o.id = t.origin
WHERE s.path = ANY ($5::text[]) OR ($6 AND ($7 = '' OR starts_with(s.path, $7 || '/')))
ORDER BY t.change, t.place

-- name: last_entry
-- Where a stretch of $4 items ends, whatever they are.
SELECT change, place::integer AS place, count(*) OVER () AS count FROM (
    SELECT c.id AS change, u.place
    FROM {index}.change c CROSS JOIN LATERAL unnest(c.ids) WITH ORDINALITY AS u (item, place)
    WHERE c.id >= $1 AND c.id <= $3 AND (c.id > $1 OR u.place > $2) AND c.kind <> 4
    ORDER BY c.id, u.place LIMIT $4) stretch
ORDER BY change DESC, place DESC LIMIT 1

-- name: note_erased
-- Before the history loses them.
INSERT INTO {index}.erased_scope (kind, id, scope)
SELECT DISTINCT ON (id) 3, id, scope FROM (
    SELECT h.id, h.scope FROM {index}.past_item h WHERE h.id = ANY ($1::bigint[]) OR h.thing = ANY ($1::bigint[])
    UNION ALL
    SELECT h.id, h.scope FROM {index}.past_edge h
    WHERE h.id = ANY ($1::bigint[]) OR h.source = ANY ($1::bigint[]) OR h.target = ANY ($1::bigint[])) gone
ON CONFLICT DO NOTHING

-- name: note_erased_claims
INSERT INTO {index}.erased_scope (kind, id, scope)
SELECT DISTINCT ON (kind, id) kind, id, scope FROM (
    SELECT 5::smallint AS kind, c.id, t.scope FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
    WHERE c.episode = ANY ($1::text[]) AND c.known_to IS NOT NULL
    UNION ALL
    SELECT 6, f.id, t.scope FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic
    JOIN {index}.past_fact f ON f.topic = t.id
    WHERE c.episode = ANY ($1::text[]) AND c.known_to IS NOT NULL) gone
ON CONFLICT DO NOTHING

-- name: texts
-- The passages of items, and those that they had last before.
WITH ended AS (
    SELECT h.item, max(upper(h.known)) AS until FROM {index}.past_passage h WHERE h.item = ANY ($1::bigint[]) GROUP BY 1)
SELECT p.item, true AS current, p.body, NULL::float8 AS cosine
FROM {index}.passage p WHERE p.item = ANY ($1::bigint[])
UNION ALL
SELECT h.item, false, h.body, NULL
FROM ended e JOIN {index}.past_passage h ON h.item = e.item AND upper(h.known) = e.until

-- name: texts_near
-- The same with the cosines to a vector ($2), where the graph's space, the table $3, has or had a vector.
WITH ended AS (
    SELECT h.item, max(upper(h.known)) AS until FROM {index}.past_passage h WHERE h.item = ANY ($1::bigint[]) GROUP BY 1)
SELECT p.item, true AS current, p.body, -(v.embedding <#> $2) AS cosine
FROM {index}.passage p LEFT JOIN {index}.{table} v ON v.passage = p.id
WHERE p.item = ANY ($1::bigint[])
UNION ALL
SELECT h.item, false, h.body, -(v.embedding <#> $2)
FROM ended e JOIN {index}.past_passage h ON h.item = e.item AND upper(h.known) = e.until
LEFT JOIN LATERAL (SELECT w.embedding FROM {index}.past_vector w WHERE w.passage = h.id AND w.vectors = $3
                   ORDER BY w.until DESC LIMIT 1) v ON true
