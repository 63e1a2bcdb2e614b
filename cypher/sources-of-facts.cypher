// answers: Which sources tell of how many relationships, of which kinds?
// column source: a source's key
// column facts: how many relationships it tells of
// column kinds: their kinds, the most frequent first
MATCH ()-[r]->()
WHERE r.source IS NOT NULL
WITH r.source AS source, type(r) AS kind, count(*) AS count
ORDER BY count DESC, kind
RETURN source, sum(count) AS facts, collect(kind)[..5] AS kinds
ORDER BY facts DESC, source
