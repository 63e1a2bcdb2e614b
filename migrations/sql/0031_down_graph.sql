-- The reliability of sources without how they report changes.
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
    EXECUTE format('ALTER TABLE %I.source_reliability DROP COLUMN reported_changes, DROP COLUMN reporting_delay', of_graph);
    EXECUTE format('ALTER TABLE %I.past_source_reliability DROP COLUMN reported_changes, DROP COLUMN reporting_delay',
                   of_graph);
    EXECUTE format($sql$
        CREATE VIEW %2$I.source_reliability AS
        SELECT * FROM %1$I.source_reliability WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
        UNION ALL
        SELECT scope, source, trust, prior, claims, checked, domains, reason, known_from
        FROM %1$I.past_source_reliability WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz)
    $sql$, of_graph, of_graph || '_asof');
END
$migration$;
