DO $migration$
DECLARE
    place name;
BEGIN
    SELECT index_name INTO STRICT place FROM kgmem.graph WHERE id = current_setting('kgmem.graph_in_turn')::integer;
    EXECUTE format('DROP TABLE IF EXISTS %I.followed_answer', place);
    EXECUTE format('DROP TABLE IF EXISTS %I.answer_event', place);
    IF to_regclass(format('%I.subscription', place)) IS NOT NULL THEN
        EXECUTE format('DELETE FROM %1$I.subscription_group g USING %1$I.subscription s '
                       'WHERE s.id = g.subscription AND s.what = ''answer''', place);
        EXECUTE format('DELETE FROM %I.subscription WHERE what = ''answer''', place);
    END IF;
    UPDATE kgmem.graph SET subsystems = array_remove(subsystems, 'answers') WHERE index_name = place;
END
$migration$;
