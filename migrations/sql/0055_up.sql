-- Put the triggers that move the epoch on the tables that a graph has; nothing where the graph has no epoch.
-- `rules`: by table (or the start of its name, before a *) the function of the graph's schema, and the part.
CREATE FUNCTION kgmem.track_epoch(index_name name, rules jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target record;
    event  text;
BEGIN
    IF to_regclass(format('%I.epoch', index_name)) IS NULL THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT c.oid::regclass AS name, r.rule ->> 0 AS function, r.rule ->> 1 AS part
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN jsonb_each(rules) r (name, rule) ON c.relname LIKE replace(replace(r.name, '_', '\_'), '*', '%')
        WHERE n.nspname = index_name AND c.relkind = 'r'
          AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'epoch_insert')
        ORDER BY c.relname
    LOOP
        EXECUTE format('CREATE TRIGGER epoch_insert AFTER INSERT ON %s REFERENCING NEW TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION %I.%I(%L)', target.name, index_name, target.function, target.part);
        EXECUTE format('CREATE TRIGGER epoch_update AFTER UPDATE ON %s REFERENCING OLD TABLE AS changed NEW TABLE AS came
                        FOR EACH STATEMENT EXECUTE FUNCTION %I.%I(%L)', target.name, index_name, target.function, target.part);
        EXECUTE format('CREATE TRIGGER epoch_delete AFTER DELETE ON %s REFERENCING OLD TABLE AS changed
                        FOR EACH STATEMENT EXECUTE FUNCTION %I.%I(%L)', target.name, index_name, target.function, target.part);
        EXECUTE format('CREATE TRIGGER epoch_truncate AFTER TRUNCATE ON %s
                        FOR EACH STATEMENT EXECUTE FUNCTION %I.epoch_graph(%L)', target.name, index_name, target.part);
        FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete', 'truncate'] LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', target.name, 'epoch_' || event);
        END LOOP;
    END LOOP;
END
$$;

-- One row a transaction, part and scope that it changed, with a random token. The epoch of what a reader sees is the XOR
-- of the tokens that its snapshot sees, so writers never wait for each other, and a commit that becomes visible late
-- changes the epoch when it does.
CREATE TABLE "kgm_0".epoch (
    part  smallint NOT NULL,              -- of the contents (EPOCH_PARTS); -1: all boundaries are noted
    scope integer NOT NULL,               -- -1: the whole graph
    token bigint NOT NULL
);
CREATE INDEX epoch_order ON "kgm_0".epoch (part, scope);

-- When answers change by time alone: the bounds of valid times in the future.
CREATE TABLE "kgm_0".boundary (
    scope integer NOT NULL,
    at    timestamptz NOT NULL
);
CREATE INDEX boundary_order ON "kgm_0".boundary (scope, at);

-- The setting kgmem.epoch is what the transaction has noted so far; with a savepoint it is rolled back as the rows are.
CREATE FUNCTION "kgm_0".move_epoch(moved integer, scopes integer[]) RETURNS void LANGUAGE plpgsql AS $body$
DECLARE
    noted text := coalesce(current_setting('kgmem.epoch', true), '');
    mark  text := ' "kgm_0".' || moved || '.';
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
            INSERT INTO "kgm_0".epoch (part, scope, token)
            VALUES (moved, one, hashtextextended(gen_random_uuid()::text, 0));
            noted := noted || mark || one || ' ';
            PERFORM set_config('kgmem.epoch', noted, true);
        END IF;
    END LOOP;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_graph() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, ARRAY[-1]);
    ELSIF EXISTS (SELECT FROM changed) THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_scope() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM (
            SELECT scope FROM changed UNION ALL SELECT scope FROM came) c));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM changed c));
    END IF;
    RETURN NULL;
END
$body$;

-- The same of what has a valid time.
CREATE FUNCTION "kgm_0".epoch_timed() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM (
            SELECT scope FROM changed UNION ALL SELECT scope FROM came) c));
        INSERT INTO "kgm_0".boundary (scope, at)
        SELECT DISTINCT c.scope, b.at FROM came c CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT c.scope) FROM changed c));
        INSERT INTO "kgm_0".boundary (scope, at)
        SELECT DISTINCT c.scope, b.at FROM changed c CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    END IF;
    RETURN NULL;
END
$body$;

-- What belongs to something else counts in its scope; what belongs to nothing is seen by nobody.
CREATE FUNCTION "kgm_0".epoch_item() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT item FROM changed UNION ALL SELECT item FROM came) c JOIN "kgm_0".item o ON o.id = c.item));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".item o ON o.id = c.item));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_topic() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT topic FROM changed UNION ALL SELECT topic FROM came) c JOIN "kgm_0".topic o ON o.id = c.topic));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".topic o ON o.id = c.topic));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_edge() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT id FROM changed UNION ALL SELECT id FROM came) c JOIN "kgm_0".edge o ON o.id = c.id));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".edge o ON o.id = c.id));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_session() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT session FROM changed UNION ALL SELECT session FROM came) c JOIN "kgm_0".session o ON o.id = c.session));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".session o ON o.id = c.session));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_state() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT state FROM changed UNION ALL SELECT state FROM came) c JOIN "kgm_0".agent_state o ON o.id = c.state));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".agent_state o ON o.id = c.state));
    END IF;
    RETURN NULL;
END
$body$;

CREATE FUNCTION "kgm_0".epoch_block() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT block FROM changed UNION ALL SELECT block FROM came) c JOIN "kgm_0".memory_block o ON o.id = c.block));
    ELSE
        PERFORM "kgm_0".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "kgm_0".memory_block o ON o.id = c.block));
    END IF;
    RETURN NULL;
END
$body$;
ALTER TABLE "kgm_0".epoch ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".boundary ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".epoch;
ANALYZE "kgm_0".boundary;
