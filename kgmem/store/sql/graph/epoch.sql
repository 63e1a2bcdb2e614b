-- name: create
-- One row a transaction, part and scope that it changed, with a random token. The epoch of what a reader sees is the XOR
-- of the tokens that its snapshot sees, so writers never wait for each other, and a commit that becomes visible late
-- changes the epoch when it does.
CREATE TABLE {index}.epoch (
    part  smallint NOT NULL,              -- of the contents (EPOCH_PARTS); -1: all boundaries are noted
    scope integer NOT NULL,               -- -1: the whole graph
    token bigint NOT NULL
);
CREATE INDEX epoch_order ON {index}.epoch (part, scope);

-- When answers change by time alone: the bounds of valid times in the future.
CREATE TABLE {index}.boundary (
    scope integer NOT NULL,
    at    timestamptz NOT NULL
);
CREATE INDEX boundary_order ON {index}.boundary (scope, at);

-- The setting kgmem.epoch is what the transaction has noted so far; with a savepoint it is rolled back as the rows are.
CREATE FUNCTION {index}.move_epoch(moved integer, scopes integer[]) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    noted text := coalesce(current_setting('kgmem.epoch', true), '');
    mark  text := ' {index}.' || moved || '.';
    one   integer;
BEGIN
    IF scopes IS NULL OR position(mark || '-1 ' IN noted) > 0 THEN
        RETURN;
    END IF;
    IF cardinality(scopes) > 50 OR length(noted) > 4000 THEN
        scopes := ARRAY[-1];
    END IF;
    FOREACH one IN ARRAY scopes LOOP
        IF position(mark || one || ' ' IN noted) = 0 THEN
            INSERT INTO {index}.epoch (part, scope, token)
            VALUES (moved, one, hashtextextended(gen_random_uuid()::text, 0));
            noted := noted || mark || one || ' ';
            PERFORM set_config('kgmem.epoch', noted, true);
        END IF;
    END LOOP;
END
$body$;

CREATE FUNCTION {index}.epoch_graph() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, ARRAY[-1]);
    ELSIF EXISTS (SELECT FROM changed) THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_scope() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM (
            SELECT scope FROM changed UNION ALL SELECT scope FROM came) c));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM changed c));
    END IF;
    RETURN NULL;
END
$body$;

-- The same of what has a valid time.
CREATE FUNCTION {index}.epoch_timed() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM (
            SELECT scope FROM changed UNION ALL SELECT scope FROM came) c));
        INSERT INTO {index}.boundary (scope, at)
        SELECT DISTINCT c.scope, b.at FROM came c CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM changed c));
        INSERT INTO {index}.boundary (scope, at)
        SELECT DISTINCT c.scope, b.at FROM changed c CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    END IF;
    RETURN NULL;
END
$body$;

-- What belongs to something else counts in its scope; what belongs to nothing is seen by nobody.
CREATE FUNCTION {index}.epoch_item() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT item FROM changed UNION ALL SELECT item FROM came) c JOIN {index}.item o ON o.id = c.item));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.item o ON o.id = c.item));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_topic() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT topic FROM changed UNION ALL SELECT topic FROM came) c JOIN {index}.topic o ON o.id = c.topic));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.topic o ON o.id = c.topic));
    END IF;
    RETURN NULL;
END
$body$;

-- A fact counts in the scope of its topic, and has a valid time.
CREATE FUNCTION {index}.epoch_fact() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT topic FROM changed UNION ALL SELECT topic FROM came) c JOIN {index}.topic o ON o.id = c.topic));
        INSERT INTO {index}.boundary (scope, at)
        SELECT DISTINCT o.scope, b.at FROM came c JOIN {index}.topic o ON o.id = c.topic
        CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.topic o ON o.id = c.topic));
        INSERT INTO {index}.boundary (scope, at)
        SELECT DISTINCT o.scope, b.at FROM changed c JOIN {index}.topic o ON o.id = c.topic
        CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_edge() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT id FROM changed UNION ALL SELECT id FROM came) c JOIN {index}.edge o ON o.id = c.id));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.edge o ON o.id = c.id));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_session() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT session FROM changed UNION ALL SELECT session FROM came) c JOIN {index}.session o ON o.id = c.session));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.session o ON o.id = c.session));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_state() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT state FROM changed UNION ALL SELECT state FROM came) c JOIN {index}.agent_state o ON o.id = c.state));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.agent_state o ON o.id = c.state));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.epoch_block() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT block FROM changed UNION ALL SELECT block FROM came) c JOIN {index}.memory_block o ON o.id = c.block));
    ELSE
        PERFORM {index}.move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN {index}.memory_block o ON o.id = c.block));
    END IF;
    RETURN NULL;
END
$body$;

-- name: track
SELECT kgmem.track_epoch($1, $2::text::jsonb)

-- name: fill
-- Boundaries of what was stored before the triggers were made, and the mark that all are noted.
INSERT INTO {index}.boundary (scope, at)
SELECT DISTINCT t.scope, b.at
FROM (SELECT scope, valid FROM {index}.item WHERE NOT (lower_inf(valid) AND upper_inf(valid))
      UNION ALL SELECT scope, valid FROM {index}.edge WHERE NOT (lower_inf(valid) AND upper_inf(valid))
      UNION ALL SELECT o.scope, f.valid FROM {index}.fact f JOIN {index}.topic o ON o.id = f.topic
      WHERE NOT (lower_inf(f.valid) AND upper_inf(f.valid))) t
CROSS JOIN LATERAL (VALUES (lower(t.valid)), (upper(t.valid))) b (at)
WHERE b.at > now() AND isfinite(b.at)

-- name: complete
INSERT INTO {index}.epoch (part, scope, token)
SELECT -1, -1, hashtextextended(gen_random_uuid()::text, 0) WHERE NOT EXISTS (SELECT FROM {index}.epoch WHERE part = -1)

-- name: move
SELECT {index}.move_epoch(p, ARRAY[-1]) FROM unnest($1::integer[]) p

-- name: read
-- The number of tokens tells when they are to be summed up. Of labels, how many of the ids exist in their tables.
SELECT g.xmin::text::bigint AS register, now() AS at,
       EXISTS (SELECT FROM kgmem.captured c WHERE c.graph = g.id) AS captured,
       (SELECT count(*) FROM {index}.label) AS labels,
       (SELECT bit_xor(e.token) FROM {index}.epoch e WHERE e.part = -1) AS complete,
       t.token, t.tokens,
       (SELECT min(n.at) FROM (SELECT -1 AS scope UNION ALL SELECT id FROM {index}.scope WHERE path = ANY ($2::text[])) s
        CROSS JOIN LATERAL (SELECT b.at FROM {index}.boundary b WHERE b.scope = s.scope AND b.at > now()
                            ORDER BY b.at LIMIT 1) n) AS until,
       %(existing)s AS existing
FROM kgmem.graph g
CROSS JOIN LATERAL (
    SELECT coalesce(bit_xor(e.token), 0) AS token, count(*) AS tokens
    FROM (SELECT -1 AS scope UNION ALL SELECT id FROM {index}.scope WHERE path = ANY ($2::text[])) s
    CROSS JOIN unnest($3::smallint[]) p (part)
    JOIN {index}.epoch e ON e.part = p.part AND e.scope = s.scope) t
WHERE g.id = $1

-- name: existing
(SELECT count(*) FROM {graph}.{label} v WHERE v.id = ANY (%(graphids)s))

-- name: sum_up
-- Many tokens become their XOR, which leaves the epoch as it is; what another sums up stays.
WITH taken AS (
    SELECT e.ctid FROM {index}.epoch e WHERE e.part >= 0 ORDER BY e.part, e.scope LIMIT 20000 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM {index}.epoch e USING taken t WHERE e.ctid = t.ctid RETURNING e.part, e.scope, e.token
)
INSERT INTO {index}.epoch (part, scope, token) SELECT part, scope, bit_xor(token) FROM gone GROUP BY 1, 2

-- name: forget_boundaries
DELETE FROM {index}.boundary WHERE at < now() - interval '1 day'
