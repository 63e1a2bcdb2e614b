DO $migration$
DECLARE
    name name;
BEGIN
    SELECT index_name INTO STRICT name FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    IF to_regclass(format('%I.claim', name)) IS NOT NULL THEN
        EXECUTE format('CREATE INDEX claim_episode ON %I.claim (episode) WHERE episode IS NOT NULL', name);
    END IF;
END
$migration$;
