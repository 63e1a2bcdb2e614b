-- Facts note when they begin and end, so that what is cached of them ends with them.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of a graph whose epoch nobody reads.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.epoch', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format($text$
CREATE FUNCTION "%1$s".epoch_fact() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM "%1$s".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM (
            SELECT topic FROM changed UNION ALL SELECT topic FROM came) c JOIN "%1$s".topic o ON o.id = c.topic));
        INSERT INTO "%1$s".boundary (scope, at)
        SELECT DISTINCT o.scope, b.at FROM came c JOIN "%1$s".topic o ON o.id = c.topic
        CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    ELSE
        PERFORM "%1$s".move_epoch(TG_ARGV[0]::integer, (SELECT array_agg(DISTINCT o.scope) FROM changed c
            JOIN "%1$s".topic o ON o.id = c.topic));
        INSERT INTO "%1$s".boundary (scope, at)
        SELECT DISTINCT o.scope, b.at FROM changed c JOIN "%1$s".topic o ON o.id = c.topic
        CROSS JOIN LATERAL (VALUES (lower(c.valid)), (upper(c.valid))) b (at)
        WHERE b.at > now() AND isfinite(b.at);
    END IF;
    RETURN NULL;
END
$body$$text$, place);
    IF place = 'kgm_0' OR to_regclass(format('%I.fact', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS epoch_insert ON %I.fact', place);
    EXECUTE format('DROP TRIGGER IF EXISTS epoch_update ON %I.fact', place);
    EXECUTE format('DROP TRIGGER IF EXISTS epoch_delete ON %I.fact', place);
    EXECUTE format('DROP TRIGGER IF EXISTS epoch_truncate ON %I.fact', place);
    PERFORM kgmem.track_epoch(place, '{"fact": ["epoch_fact", 0]}');
    EXECUTE format($text$
INSERT INTO "%1$s".boundary (scope, at)
SELECT DISTINCT o.scope, b.at FROM "%1$s".fact f JOIN "%1$s".topic o ON o.id = f.topic
CROSS JOIN LATERAL (VALUES (lower(f.valid)), (upper(f.valid))) b (at)
WHERE b.at > now() AND isfinite(b.at)$text$, place);
    -- What was cached before lacks these ends.
    EXECUTE format('SELECT %I.move_epoch(0, ARRAY[-1])', place);
END
$migration$;
