-- Claims of publications keep what they repeat; those that are there get it when they next follow, which is due.
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
    EXECUTE format('CREATE TABLE %I.published_claim (claim bigint PRIMARY KEY, mark text COLLATE "C" NOT NULL)', place);
    EXECUTE format('CREATE INDEX published_claim_mark ON %I.published_claim (mark)', place);
    EXECUTE format($text$
CREATE OR REPLACE FUNCTION "%1$s".note_published_claims() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM "%1$s".published_claim z USING gone g WHERE z.claim = g.id;
    END IF;
    UPDATE "%1$s".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "%1$s".publication d
          WHERE d.ended IS NULL AND (d.topic IN (SELECT topic FROM gone)
                OR (d.kind = 3 AND d.origin IN (SELECT edge FROM gone WHERE edge IS NOT NULL)))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$$text$, place);
    EXECUTE format('UPDATE %I.publication SET changes = changes + 1 WHERE ended IS NULL AND kind <> 2', place);
END
$migration$;
