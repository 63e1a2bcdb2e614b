-- By which API keys the claims of sources came.

-- name: note
-- Returns the pairs that an earlier transaction has noted: those of this one may still be rolled back.
WITH said AS (
    SELECT n.source, n.key FROM unnest($1::integer[], $2::text[]) AS n (source, key)
), there AS (
    SELECT k.source, k.key FROM said s JOIN {index}.source_key k USING (source, key) WHERE k.first_seen < now()
), made AS (
    INSERT INTO {index}.source_key (source, key)
    SELECT source, key FROM said EXCEPT SELECT source, key FROM there
    ORDER BY source, key
    ON CONFLICT DO NOTHING
)
SELECT source, key FROM there

-- name: bound
-- Sources to which people gave no trust, and whose first claims came by a key that is no admin's: with the key, and
-- whether it was made in the last 24 hours. The key by which the graph's first claim came is the graph's own, and omitted;
-- a claim that is older than the graph was imported with the time from which it was known elsewhere.
SELECT o.key AS source, f.key, k.created_at > now() - interval '24 hours' AS young
FROM {index}.source o
JOIN LATERAL (SELECT s.key FROM {index}.source_key s WHERE s.source = o.id
              ORDER BY s.first_seen, s.key LIMIT 1) f ON true
JOIN kgmem.key k ON k.id = f.key AND k.role <> 'admin'
WHERE o.trust = 0.5
  AND f.key IS DISTINCT FROM (
      SELECT s.key FROM (SELECT c.source, c.known_from FROM {index}.claim c ORDER BY c.id LIMIT 1) c
      JOIN {index}.source_key s ON s.source = c.source
      JOIN kgmem.graph g ON g.id = %(graph)s
      WHERE s.first_seen <= c.known_from OR c.known_from < g.created_at
      ORDER BY s.first_seen, s.key LIMIT 1)
