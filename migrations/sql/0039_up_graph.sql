DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    IF to_regclass(format('%I.claim', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I.source_key (source integer NOT NULL, key text COLLATE "C" NOT NULL, '
                   'first_seen timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (source, key))', place);
END
$migration$;
