DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of a graph which publishes nothing.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.publication', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format($text$
CREATE OR REPLACE FUNCTION "%1$s".note_published_claims() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE "%1$s".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "%1$s".publication d
          WHERE d.ended IS NULL AND (d.topic IN (SELECT topic FROM gone)
                OR (d.kind = 3 AND d.origin IN (SELECT edge FROM gone WHERE edge IS NOT NULL)))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$$text$, place);
    EXECUTE format('DROP TABLE %I.published_claim', place);
END
$migration$;
