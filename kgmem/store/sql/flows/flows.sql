-- name: put
-- Flows of graphs that are gone, and of scopes that were deleted since they began, are dropped.
INSERT INTO kgmem.flow (id, kind, graph, scope, state, about, brief, started_at, told)
SELECT f.id, f.kind, g.id, f.scope, f.state, f.about, f.brief, f.started_at, f.told
FROM jsonb_to_recordset($1::text::jsonb) AS f (
    id text, kind text, graph text, scope text, state text, about text, brief boolean, started_at timestamptz,
    told jsonb)
JOIN kgmem.graph g ON g.name = f.graph
WHERE NOT EXISTS (
    SELECT 1 FROM kgmem.flow_forgotten d
    WHERE d.graph = g.id AND d.scope = sha256(convert_to(f.scope, 'UTF8')) AND d.at >= f.started_at)
ON CONFLICT (id) DO UPDATE
SET state = excluded.state, brief = excluded.brief, told = excluded.told, heartbeat_at = now()
WHERE kgmem.flow.state = 'running'

-- name: get
SELECT f.id, f.kind, g.name AS graph, f.scope, f.state, f.about, f.started_at, f.told,
       f.state = 'running' AND f.heartbeat_at < now() - make_interval(secs => $2) AS silent
FROM kgmem.flow f JOIN kgmem.graph g ON g.id = f.graph WHERE f.id = $1

-- name: list
SELECT f.id, f.kind, g.name AS graph, f.scope, f.state, f.about, f.started_at, f.told, s.silent
FROM kgmem.flow f JOIN kgmem.graph g ON g.id = f.graph
CROSS JOIN LATERAL (
    SELECT f.state = 'running' AND f.heartbeat_at < now() - make_interval(secs => $10) AS silent) s
WHERE ($1::text IS NULL OR g.name = $1) AND ($2::text IS NULL OR f.kind = $2)
  AND ($3::text IS NULL OR $3 = CASE WHEN s.silent THEN 'broken_off' ELSE f.state END)
  AND ($4::text IS NULL OR $4 = '' OR f.scope = $4 OR starts_with(f.scope, $4 || '/'))
  AND ($5::text IS NULL OR f.about = $5) AND ($6::text IS NULL OR f.id < $6)
  AND ($8::text[] IS NULL OR EXISTS (
      SELECT 1 FROM unnest($8::text[], $9::text[]) AS b (graph, scope)
      WHERE (b.graph IS NULL OR b.graph = g.name)
        AND (b.scope = '' OR f.scope = b.scope OR starts_with(f.scope, b.scope || '/'))))
ORDER BY f.id DESC LIMIT $7

-- name: forget
WITH gone AS (
    DELETE FROM kgmem.flow f USING kgmem.graph g WHERE g.name = $1 AND f.graph = g.id AND f.scope = $2 RETURNING 1)
SELECT count(*) FROM gone

-- name: note_forgotten
INSERT INTO kgmem.flow_forgotten (graph, scope, at)
SELECT g.id, sha256(convert_to($2, 'UTF8')), clock_timestamp() FROM kgmem.graph g WHERE g.name = $1
ON CONFLICT (graph, scope) DO UPDATE SET at = excluded.at

-- name: trim
-- The newest are kept; brief flows apart, since there are many.
DELETE FROM kgmem.flow f
WHERE f.brief = $1 AND (
    f.started_at < now() - make_interval(secs => $3)
    OR f.id < (SELECT k.id FROM kgmem.flow k WHERE k.brief = $1 ORDER BY k.id DESC OFFSET $2 LIMIT 1)
    OR NOT EXISTS (SELECT 1 FROM kgmem.graph g WHERE g.id = f.graph))

-- name: trim_forgotten
DELETE FROM kgmem.flow_forgotten WHERE at < now() - interval '1 hour'
