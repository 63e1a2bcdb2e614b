-- The full run keeps how sources report changes. The period in which an earlier row was known stays the last column,
-- since the trigger that keeps earlier rows inserts them by position.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of subsystems which a graph has not used.
    of_graph name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.source_reliability', of_graph)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('DROP VIEW %I.source_reliability', of_graph || '_asof');
    EXECUTE format('ALTER TABLE %I.source_reliability ADD COLUMN reported_changes real, '
                   'ADD COLUMN reporting_delay double precision', of_graph);
    EXECUTE format('ALTER TABLE %I.past_source_reliability ALTER COLUMN known DROP NOT NULL', of_graph);
    EXECUTE format('ALTER TABLE %I.past_source_reliability RENAME COLUMN known TO former', of_graph);
    EXECUTE format('ALTER TABLE %I.past_source_reliability ADD COLUMN reported_changes real, '
                   'ADD COLUMN reporting_delay double precision, ADD COLUMN known tstzrange', of_graph);
    EXECUTE format('UPDATE %I.past_source_reliability SET known = former', of_graph);
    EXECUTE format('ALTER TABLE %I.past_source_reliability DROP COLUMN former, ALTER COLUMN known SET NOT NULL', of_graph);
    EXECUTE format($sql$
        CREATE VIEW %2$I.source_reliability AS
        SELECT * FROM %1$I.source_reliability WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
        UNION ALL
        SELECT scope, source, trust, prior, claims, checked, domains, reason, known_from, reported_changes, reporting_delay
        FROM %1$I.past_source_reliability WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz)
    $sql$, of_graph, of_graph || '_asof');
END
$migration$;
