-- Below what transaction no change of this database can appear any more. What runs in another database of the server
-- writes nothing here; it is left out where its lock and its session tell that it is there.
CREATE FUNCTION kgmem.settled_below() RETURNS xid8
LANGUAGE sql STABLE
SET search_path = pg_catalog AS $$
    SELECT least(pg_current_xact_id_if_assigned(), pg_snapshot_xmax(pg_current_snapshot()),
                 (SELECT running FROM pg_snapshot_xip(pg_current_snapshot()) AS running
                  WHERE running::xid NOT IN (
                      SELECT l.transactionid FROM pg_locks l JOIN pg_stat_activity s USING (pid)
                      WHERE l.transactionid IS NOT NULL AND l.mode = 'ExclusiveLock' AND l.granted
                        AND s.datid <> (SELECT oid FROM pg_database WHERE datname = current_database()))
                  ORDER BY running LIMIT 1))
$$;
