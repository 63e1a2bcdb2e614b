DO $migration$
DECLARE
    name name;
BEGIN
    SELECT index_name INTO STRICT name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    IF to_regclass(format('%I.claim', name)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I.claim_origin (claim bigint PRIMARY KEY, sentence bigint, derived_from text[])', name);
    EXECUTE format('CREATE TABLE %I.answered (fingerprint bigint NOT NULL, asker bigint NOT NULL, '
                   'since timestamptz NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (fingerprint, asker))', name);
    EXECUTE format('CREATE VIEW %I.claim_origin AS SELECT * FROM %I.claim_origin', name || '_asof', name);
    EXECUTE format('CREATE INDEX answered_at ON %I.answered (at)', name);
END
$migration$;
