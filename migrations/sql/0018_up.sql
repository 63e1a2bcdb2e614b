-- Below what transaction no change of this database can appear any more. What runs in another database of the server
-- writes nothing here; it is left out where the locks of its session tell that it is there.
CREATE FUNCTION kgmem.settled_below() RETURNS xid8
LANGUAGE sql STABLE
SET search_path = pg_catalog AS $$
    WITH held AS (SELECT pid, database, CASE WHEN mode = 'ExclusiveLock' THEN transactionid END AS own
                  FROM pg_locks WHERE granted AND pid IS NOT NULL),
         elsewhere AS (SELECT own FROM held WHERE own IS NOT NULL AND pid IN (
             SELECT pid FROM held WHERE database NOT IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))))
    SELECT least(pg_current_xact_id_if_assigned(), pg_snapshot_xmax(pg_current_snapshot()),
                 (SELECT running FROM pg_snapshot_xip(pg_current_snapshot()) AS running
                  WHERE running::xid NOT IN (SELECT own FROM elsewhere) ORDER BY running LIMIT 1))
$$;
