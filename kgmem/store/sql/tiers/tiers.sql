-- Tiers of items: how they were used, which are pinned. The tier itself is item.tier.

-- name: create
-- One row once somebody has set something, or a sweep has come to its end.
CREATE TABLE {index}.tier_settings (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    settings   jsonb NOT NULL DEFAULT '{}',
    swept_at   timestamptz,                   -- when the last sweep that came to its end began
    seen       bigint NOT NULL DEFAULT 0,     -- the last change before it
    active     boolean NOT NULL DEFAULT true  -- it left items that will get colder
);

-- Uses are counted in processes and stored in batches: one that is lost loses no data.
CREATE TABLE {index}.item_use (
    item bigint PRIMARY KEY,
    used timestamptz NOT NULL,
    uses real NOT NULL,                       -- at that time: each counts half after a half-life
    moved timestamptz                         -- when somebody made it cold: until its next use it stays so
);

CREATE TABLE {index}.item_pin (
    item bigint PRIMARY KEY,
    tier smallint NOT NULL
);

-- name: settings
SELECT settings::text FROM {index}.tier_settings

-- name: put_settings
INSERT INTO {index}.tier_settings (settings) VALUES ($1::jsonb)
ON CONFLICT (one) DO UPDATE SET settings = excluded.settings, active = true

-- name: move_epoch
SELECT {index}.move_epoch($1::integer, ARRAY[-1])

-- name: counts
SELECT i.tier, count(*) AS items, count(p.item) AS pinned, count(a.item) AS archived
FROM {index}.item i LEFT JOIN {index}.item_pin p ON p.item = i.id
LEFT JOIN (SELECT DISTINCT item FROM {index}.archived) a ON a.item = i.id
WHERE i.kind < 3 AND ($1::integer IS NULL OR i.scope = $1) GROUP BY 1

-- name: list
SELECT i.id, i.kind, i.key, i.tier, p.item IS NOT NULL AS pinned, greatest(u.used, i.known_from) AS used_at,
       coalesce(u.uses * 0.5 ^ least(extract(epoch FROM now() - u.used)::float8 / $5::float8, 60), 0)::float8 AS uses
FROM {index}.item i LEFT JOIN {index}.item_pin p ON p.item = i.id LEFT JOIN {index}.item_use u ON u.item = i.id
WHERE i.scope = $1 AND i.kind < 3 AND i.id > $3 AND ($2::smallint IS NULL OR i.tier = $2)
ORDER BY i.id LIMIT $4

-- name: get
SELECT i.id, i.kind, i.key, i.tier, p.item IS NOT NULL AS pinned, greatest(u.used, i.known_from) AS used_at,
       coalesce(u.uses * 0.5 ^ least(extract(epoch FROM now() - u.used)::float8 / $4::float8, 60), 0)::float8 AS uses
FROM unnest($3::text[]) WITH ORDINALITY AS n (key, at)
JOIN {index}.item i ON i.scope = $1 AND i.kind = $2 AND i.key = n.key
LEFT JOIN {index}.item_pin p ON p.item = i.id LEFT JOIN {index}.item_use u ON u.item = i.id
ORDER BY n.at

-- name: move
-- Pinned items stay.
WITH wanted AS MATERIALIZED (
    SELECT i.id, i.tier FROM {index}.item i
    WHERE i.id = ANY ($1::bigint[]) AND i.kind < 3 AND ($3::integer IS NULL OR i.scope = $3) AND NOT EXISTS (SELECT FROM {index}.item_pin p WHERE p.item = i.id)
    ORDER BY i.id FOR NO KEY UPDATE OF i
), noted AS (
    INSERT INTO {index}.item_use AS u (item, used, uses, moved)
    SELECT w.id, to_timestamp(0), 0, CASE WHEN $2 = 2 THEN clock_timestamp() END FROM wanted w
    ON CONFLICT (item) DO UPDATE SET used = CASE WHEN $2 < 2 THEN now() ELSE u.used END, moved = excluded.moved
), moved AS (
    UPDATE {index}.item i SET tier = $2 FROM wanted w WHERE i.id = w.id AND i.tier <> $2 RETURNING i.id, w.tier AS was
)
SELECT count(*) FILTER (WHERE $2 < was OR was = 3)::integer AS raised,
       count(*) FILTER (WHERE $2 > was AND was <> 3)::integer AS lowered
FROM moved

-- name: missing
SELECT n.id FROM unnest($1::bigint[]) AS n (id)
WHERE NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = n.id AND i.kind < 3 AND ($2::integer IS NULL OR i.scope = $2))

-- name: to_be_swept
INSERT INTO {index}.tier_settings DEFAULT VALUES ON CONFLICT (one) DO UPDATE SET active = true

-- name: pin
WITH wanted AS MATERIALIZED (
    SELECT i.id FROM {index}.item i
    WHERE i.id = ANY ($1::bigint[]) AND i.kind < 3 AND ($3::integer IS NULL OR i.scope = $3) ORDER BY i.id FOR NO KEY UPDATE
), pinned AS (
    INSERT INTO {index}.item_pin (item, tier) SELECT id, $2 FROM wanted
    ON CONFLICT (item) DO UPDATE SET tier = excluded.tier
), moved AS (
    UPDATE {index}.item i SET tier = $2 FROM wanted w WHERE i.id = w.id AND i.tier <> $2
)
SELECT count(*)::integer FROM wanted

-- name: unpin
WITH gone AS (
    DELETE FROM {index}.item_pin p USING {index}.item i
    WHERE p.item = ANY ($1::bigint[]) AND i.id = p.item AND ($2::integer IS NULL OR i.scope = $2) RETURNING p.item)
SELECT count(*)::integer FROM gone

-- name: forget
-- What was noted of items that go.
WITH pins AS (DELETE FROM {index}.item_pin WHERE item = ANY ($1::bigint[]))
DELETE FROM {index}.item_use WHERE item = ANY ($1::bigint[])

-- name: used
-- Counts uses, and makes hot what was used. Who has locked an item writes to it, which counts as a use by itself.
WITH counted AS MATERIALIZED (
    SELECT n.item, n.uses FROM unnest($1::bigint[], $2::real[]) AS n (item, uses)
    JOIN {index}.item i ON i.id = n.item ORDER BY n.item
), noted AS (
    INSERT INTO {index}.item_use AS u (item, used, uses) SELECT item, now(), uses FROM counted
    ON CONFLICT (item) DO UPDATE
    SET used = excluded.used, moved = NULL,
        uses = excluded.uses + u.uses * 0.5 ^ least(extract(epoch FROM excluded.used - u.used)::float8 / $3::float8, 60)
), raised AS MATERIALIZED (
    SELECT i.id FROM {index}.item i JOIN counted c ON c.item = i.id
    WHERE i.tier IN (1, 2) AND NOT EXISTS (SELECT FROM {index}.item_pin p WHERE p.item = i.id)
    ORDER BY i.id FOR NO KEY UPDATE OF i SKIP LOCKED
), moved AS (
    UPDATE {index}.item i SET tier = 0 FROM raised r WHERE i.id = r.id RETURNING i.id
), active AS (
    INSERT INTO {index}.tier_settings (active) SELECT true WHERE EXISTS (SELECT FROM raised)
    ON CONFLICT (one) DO UPDATE SET active = true WHERE NOT tier_settings.active
)
SELECT count(*)::integer FROM moved

-- name: is_due
-- Whether something may get colder, or was written since the last sweep.
SELECT coalesce((SELECT t.swept_at IS NULL
                     OR (t.swept_at < now() - make_interval(secs => $1)
                         AND (t.active OR t.seen < (SELECT c.id FROM {index}.change c ORDER BY c.id DESC LIMIT 1)))
                 FROM {index}.tier_settings t), EXISTS (SELECT FROM {index}.item))

-- name: sweep_begins
SELECT now() AS at, coalesce((SELECT c.id FROM {index}.change c ORDER BY c.id DESC LIMIT 1), 0) AS seen

-- name: lower
-- The next items, by id: what has not been used for long gets colder; what was written while it was cold gets hot.
WITH page AS MATERIALIZED (
    SELECT i.id, i.tier, i.known_from FROM {index}.item i WHERE i.id > $1 ORDER BY i.id LIMIT $2
), aged AS MATERIALIZED (
    SELECT p.id, p.tier, w.tier AS wanted
    FROM page p LEFT JOIN {index}.item_use u ON u.item = p.id
    CROSS JOIN LATERAL (SELECT greatest(p.known_from, u.used) AS used) l
    CROSS JOIN LATERAL (SELECT CASE WHEN l.used > now() - make_interval(secs => $3) THEN 0
                                    WHEN l.used > now() - make_interval(secs => $4) THEN 1 ELSE 2 END AS tier) w
    WHERE p.tier < 3 AND NOT (u.moved IS NOT NULL AND u.moved > l.used)
      AND NOT EXISTS (SELECT FROM {index}.item_pin n WHERE n.item = p.id)
), turned AS MATERIALIZED (
    SELECT i.id, a.tier, a.wanted FROM {index}.item i JOIN aged a ON a.id = i.id AND a.tier <> a.wanted
    ORDER BY i.id FOR NO KEY UPDATE OF i SKIP LOCKED
), moved AS (
    UPDATE {index}.item i SET tier = t.wanted FROM turned t WHERE i.id = t.id RETURNING t.tier, t.wanted
)
SELECT (SELECT max(id) FROM page) AS last, (SELECT count(*) FROM page)::integer AS looked_at,
       (SELECT bool_or(wanted < 2) FROM aged) AS active,
       count(*) FILTER (WHERE wanted < tier)::integer AS raised, count(*) FILTER (WHERE wanted > tier)::integer AS lowered
FROM moved

-- name: forget_uses
-- Items that are gone, and uses so long ago that they count nothing: an item without a row was used when it was written.
DELETE FROM {index}.item_use u
WHERE u.item IN (SELECT item FROM {index}.item_use WHERE item > $1 ORDER BY item LIMIT $2)
  AND (NOT EXISTS (SELECT FROM {index}.item i WHERE i.id = u.item)
       OR (u.moved IS NULL AND u.used < now() - make_interval(secs => 20 * $3) AND u.used < now() - make_interval(secs => $4)))

-- name: swept
INSERT INTO {index}.tier_settings AS t (swept_at, seen, active) VALUES ($1, $2, $3)
ON CONFLICT (one) DO UPDATE SET swept_at = excluded.swept_at, seen = excluded.seen, active = excluded.active

-- name: all_tiers
-- What is cold or distilled, and what is pinned; of one scope ($1) or of all.
SELECT s.path AS scope, i.kind, i.tier, p.item IS NOT NULL AS pinned, i.key
FROM {index}.item i JOIN {index}.scope s ON s.id = i.scope LEFT JOIN {index}.item_pin p ON p.item = i.id
WHERE i.kind < 3 AND (i.tier > 1 OR p.item IS NOT NULL) AND ($1::text IS NULL OR s.path = $1)
ORDER BY 1, 2, 3, 4, i.id

-- name: restore_settings
INSERT INTO {index}.tier_settings AS t (settings) VALUES ($1::jsonb)
ON CONFLICT (one) DO UPDATE SET settings = excluded.settings, active = true WHERE t.settings = '{}' RETURNING true

-- name: restore_tiers
-- What was used or moved here has a row, and stays as it is.
WITH wanted AS MATERIALIZED (
    SELECT i.id FROM {index}.item i
    WHERE i.scope = $1 AND i.kind = $2 AND i.key = ANY ($3::text[])
      AND NOT EXISTS (SELECT FROM {index}.item_use u WHERE u.item = i.id)
      AND NOT EXISTS (SELECT FROM {index}.item_pin p WHERE p.item = i.id)
    ORDER BY i.id FOR NO KEY UPDATE OF i
), noted AS (
    INSERT INTO {index}.item_use (item, used, uses, moved)
    SELECT w.id, to_timestamp(0), 0, CASE WHEN $4::smallint = 2 THEN clock_timestamp() END FROM wanted w
    ON CONFLICT DO NOTHING
), moved AS (
    UPDATE {index}.item i SET tier = $4::smallint FROM wanted w WHERE i.id = w.id AND i.tier <> $4::smallint
)
SELECT count(*)::integer FROM wanted

-- name: restore_pins
WITH wanted AS MATERIALIZED (
    SELECT i.id FROM {index}.item i
    WHERE i.scope = $1 AND i.kind = $2 AND i.key = ANY ($3::text[])
      AND NOT EXISTS (SELECT FROM {index}.item_pin p WHERE p.item = i.id)
    ORDER BY i.id FOR NO KEY UPDATE OF i
), pinned AS (
    INSERT INTO {index}.item_pin (item, tier) SELECT w.id, $4::smallint FROM wanted w ON CONFLICT DO NOTHING
), moved AS (
    UPDATE {index}.item i SET tier = $4::smallint FROM wanted w WHERE i.id = w.id AND i.tier <> $4::smallint
)
SELECT count(*)::integer FROM wanted
