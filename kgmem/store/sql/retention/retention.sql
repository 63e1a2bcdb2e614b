-- Retention: the rules of a graph, runs that apply them, and what each run removed by which rule.

-- name: create
CREATE TABLE {index}.retention_rule (
    name      text COLLATE "C" PRIMARY KEY,
    scope     integer,                       -- null: of any scope
    label     text COLLATE "C",
    source    text COLLATE "C",
    keep      double precision,              -- seconds; null: for ever
    clock     text NOT NULL,                 -- from when on: recorded, event or used
    action    text NOT NULL,                 -- forget, erase or distil
    originals double precision,              -- of distil: seconds after which the originals are forgotten
    reason    text NOT NULL,
    by        text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (scope, label, source)
);

CREATE TABLE {index}.retention_run (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state    text NOT NULL,
    trigger  text NOT NULL,
    by       text NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),  -- what is due at that time goes
    most     integer NOT NULL,
    planned  boolean NOT NULL DEFAULT false,
    more     boolean NOT NULL DEFAULT false,      -- more was due than it takes
    held     jsonb NOT NULL DEFAULT '{}',
    effects  jsonb NOT NULL DEFAULT '{}',
    problem  text,
    finished timestamptz,
    taken    timestamptz,                         -- the last sign of who executes it
    holder   bigint                               -- who that is
);
CREATE UNIQUE INDEX retention_run_open ON {index}.retention_run ((true)) WHERE state = 'running';

-- What a run removes, noted before it goes.
CREATE TABLE {index}.retention_item (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run     bigint NOT NULL,
    kind    smallint NOT NULL,               -- 1 entity, 2 episode, 3 relationship, 5 claim
    item    bigint NOT NULL,
    key     text COLLATE "C" NOT NULL,       -- empty for relationships and claims
    scope   integer NOT NULL,
    rule    text COLLATE "C" NOT NULL,
    action  text NOT NULL,
    since   timestamptz NOT NULL,            -- from when on its time was counted
    version integer NOT NULL,
    state   text NOT NULL DEFAULT 'planned', -- planned, taken, removed, distilled, kept
    why     text,                            -- why it was kept
    at      timestamptz,
    UNIQUE (run, kind, item)
);
CREATE INDEX retention_item_rule ON {index}.retention_item (rule, id);
CREATE INDEX retention_item_distilled ON {index}.retention_item (item) WHERE action = 'distil';

-- Groups of distillation whose originals are gone: their runs cannot be undone.
CREATE TABLE {index}.retention_final (
    run    bigint NOT NULL,
    number integer NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run, number)
);

-- name: put_rule
INSERT INTO {index}.retention_rule (name, scope, label, source, keep, clock, action, originals, reason, by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (name) DO UPDATE SET scope = excluded.scope, label = excluded.label, source = excluded.source,
    keep = excluded.keep, clock = excluded.clock, action = excluded.action, originals = excluded.originals,
    reason = excluded.reason, by = excluded.by, at = excluded.at

-- name: same_rule
SELECT name FROM {index}.retention_rule
WHERE name <> $1 AND scope IS NOT DISTINCT FROM $2 AND label IS NOT DISTINCT FROM $3 AND source IS NOT DISTINCT FROM $4

-- name: restore_rule
INSERT INTO {index}.retention_rule (name, scope, label, source, keep, clock, action, originals, reason, by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($11, now())) ON CONFLICT DO NOTHING RETURNING name

-- name: count_rules
SELECT count(*) FROM {index}.retention_rule

-- name: rules
-- In their order: of the rules that cover something the first one decides.
SELECT r.*, s.path FROM {index}.retention_rule r LEFT JOIN {index}.scope s ON s.id = r.scope
WHERE ($1::text IS NULL OR r.name = $1)
ORDER BY %(order)s

-- name: order
(r.scope IS NULL), cardinality(string_to_array(s.path, '/')) DESC, (r.source IS NULL), (r.label IS NULL),
r.keep DESC NULLS FIRST, r.name

-- name: delete_rule
DELETE FROM {index}.retention_rule WHERE name = $1 RETURNING name

-- name: ranked
rules AS MATERIALIZED (
    SELECT r.*, s.path, row_number() OVER (ORDER BY %(order)s) AS rank
    FROM {index}.retention_rule r LEFT JOIN {index}.scope s ON s.id = r.scope
)

-- name: covers
-- The rule that decides about something in a scope (p), with labels and a source (o).
CROSS JOIN LATERAL (
    SELECT r.* FROM rules r
    WHERE (r.path IS NULL OR r.path = p.path OR (r.path <> '' AND starts_with(p.path, r.path || '/')))
      AND (r.label IS NULL OR r.label = ANY (%(labels)s)) AND (r.source IS NULL OR r.source = o.key)
    ORDER BY r.rank LIMIT 1
) r

-- name: labels
CASE WHEN i.labels[1] = '' THEN i.labels ELSE array_append(i.labels, l.name) END

-- name: due_items
-- Entities or episodes whose time is over: $1 the graph, $2 the run, $3 whether there are holds, $4 some alone, $5 when.
SELECT i.id, i.kind, i.key, i.scope, i.version, r.name AS rule, r.action, t.since, i.tier,
       CASE WHEN $3 THEN kgmem.hold_on($1, p.path, array_append(i.labels, l.name), o.key, ARRAY[i.id]) END AS hold
FROM {index}.item i JOIN {index}.scope p ON p.id = i.scope
LEFT JOIN {index}.source o ON o.id = i.source LEFT JOIN {index}.label l ON l.id = i.id >> 48
%(covers)s
LEFT JOIN {index}.item_use u ON u.item = i.id
CROSS JOIN LATERAL (SELECT CASE r.clock WHEN 'recorded' THEN i.known_from WHEN 'used' THEN greatest(u.used, i.known_from)
    ELSE CASE WHEN lower_inf(i.valid) AND upper_inf(i.valid) THEN i.known_from WHEN NOT upper_inf(i.valid) THEN upper(i.valid)
              WHEN i.kind = 2 THEN lower(i.valid) END END AS since) t
WHERE i.kind = %(kind)s AND ($4::bigint[] IS NULL OR i.id = ANY ($4)) AND t.since + make_interval(secs => r.keep) <= $5

-- name: text_holds
-- Whether something rests on a text that a hold covers: what was extracted from it, what cites it, what quotes it.
EXISTS (
    SELECT FROM {index}.provenance b JOIN {index}.item n ON b.kind = 1 AND n.scope = d.scope AND n.key = b.key AND n.kind = 1
    LEFT JOIN {index}.scope p ON p.id = n.scope LEFT JOIN {index}.source o ON o.id = n.source LEFT JOIN {index}.label l ON l.id = n.id >> 48
    WHERE b.episode = d.id AND kgmem.hold_on($1, p.path, array_append(n.labels, l.name), o.key, ARRAY[n.id]) IS NOT NULL
    UNION ALL
    SELECT FROM {index}.edge e LEFT JOIN {index}.scope p ON p.id = e.scope LEFT JOIN {index}.source o ON o.id = e.origin
    LEFT JOIN {index}.label l ON l.id = e.kind
    WHERE (e.source = d.id OR e.target = d.id
           OR e.id IN (SELECT b.item FROM {index}.provenance b WHERE b.episode = d.id AND b.kind = 3))
      AND kgmem.hold_on($1, p.path, ARRAY[l.name], o.key, ARRAY[e.id, e.source, e.target]) IS NOT NULL
    UNION ALL
    SELECT FROM {index}.claim c JOIN {index}.topic t ON t.id = c.topic LEFT JOIN {index}.scope p ON p.id = t.scope
    LEFT JOIN {index}.source o ON o.id = c.source
    WHERE c.known_to IS NULL AND (c.episode = d.key
           OR c.id IN (SELECT b.item FROM {index}.provenance b WHERE b.episode = d.id AND b.kind = 5))
      AND kgmem.hold_on($1, p.path, ARRAY[t.predicate], o.key, ARRAY(
            SELECT i.id FROM {index}.item i WHERE i.scope = t.scope AND i.key = t.subject AND i.kind = 1) || c.edge) IS NOT NULL
    UNION ALL
    SELECT FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
    JOIN {index}.item n ON n.id = g.item JOIN {index}.scope p ON p.id = n.scope
    LEFT JOIN {index}.source o ON o.id = n.source LEFT JOIN {index}.label l ON l.id = n.id >> 48
    WHERE m.episode = d.id AND kgmem.hold_on($1, p.path, array_append(n.labels, l.name), o.key, ARRAY[n.id]) IS NOT NULL)

-- name: texts
-- What is distilled already, or was left as it is within a week, is not distilled again.
WITH %(rules)s, due AS (%(due)s)
SELECT d.id, d.kind, d.key, d.scope, d.version, d.rule, d.action, d.since,
       d.hold IS NOT NULL OR ($3 AND %(holds)s) AS held
FROM due d
WHERE d.action <> 'distil' OR d.tier <> 3
  AND NOT EXISTS (SELECT FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
                  WHERE m.episode = d.id AND g.state NOT IN ('undone', 'rolled_back', 'kept'))
  AND NOT EXISTS (SELECT FROM {index}.distil_group g WHERE g.item = d.id)
  AND NOT EXISTS (SELECT FROM {index}.retention_item x WHERE x.item = d.id AND x.action = 'distil' AND x.run <> $2
                  AND x.version = d.version AND x.state IN ('distilled', 'kept') AND x.at > $5 - interval '7 days')

-- name: originals
-- Originals of texts that were distilled long enough ago: all of a group, or none.
WITH %(rules)s, due AS MATERIALIZED (
    SELECT i.id, i.kind, i.key, i.scope, i.version, r.name AS rule, y.finished AS since, g.run, g.number,
           CASE WHEN $3 THEN kgmem.hold_on($1, p.path, array_append(i.labels, l.name), o.key, ARRAY[i.id]) END AS hold
    FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number) AND g.state = 'done' AND NOT g.stale
    JOIN {index}.distil_run y ON y.id = g.run AND y.state = 'done'
    JOIN {index}.item n ON n.id = g.item
    JOIN {index}.item i ON i.id = m.episode JOIN {index}.scope p ON p.id = i.scope
    LEFT JOIN {index}.source o ON o.id = i.source LEFT JOIN {index}.label l ON l.id = i.id >> 48
    %(covers)s
    WHERE r.action = 'distil' AND y.finished + make_interval(secs => r.originals) <= $5
), held AS MATERIALIZED (
    SELECT d.id, d.hold IS NOT NULL OR ($3 AND %(holds)s) AS held FROM due d
)
SELECT d.id, d.kind, d.key, d.scope, d.version, d.rule, 'originals' AS action, d.since,
       EXISTS (SELECT FROM due x JOIN held h ON h.id = x.id AND h.held WHERE (x.run, x.number) = (d.run, d.number)) AS held
FROM due d
WHERE ($4::bigint[] IS NULL OR d.id = ANY ($4))
  AND NOT EXISTS (SELECT FROM {index}.distil_member m WHERE (m.run, m.number) = (d.run, d.number)
                  AND NOT EXISTS (SELECT FROM due x WHERE x.id = m.episode))

-- name: groups_of
SELECT DISTINCT m.run, m.number FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
WHERE m.episode = ANY ($1::bigint[]) AND g.state = 'done' AND g.item IS NOT NULL

-- name: cited_originals
-- Claims that cite originals of groups, with the text that stands for these.
SELECT c.id, i.key AS original, n.key, w.length FROM unnest($1::bigint[], $2::integer[]) AS x (run, number)
JOIN {index}.distil_group g ON (g.run, g.number) = (x.run, x.number) JOIN {index}.item n ON n.id = g.item
JOIN {index}.distil_member m ON (m.run, m.number) = (g.run, g.number) JOIN {index}.item i ON i.id = m.episode
JOIN {index}.scope q ON q.id = i.scope
JOIN {index}.claim c ON c.episode = i.key AND c.known_to IS NULL JOIN {index}.topic t ON t.id = c.topic
JOIN {index}.scope p ON p.id = t.scope AND (q.path = '' OR p.path = q.path OR starts_with(p.path, q.path || '/'))
CROSS JOIN LATERAL (SELECT coalesce(max(s.start + length(s.body)), 0) AS length FROM {index}.passage s WHERE s.item = n.id) w
ORDER BY c.id

-- name: hand_over
-- What originals brought rests on the text that stands for them.
INSERT INTO {index}.provenance (episode, kind, item, key, begins, ends, lasting)
SELECT DISTINCT ON (g.item, b.kind, b.item, b.key) g.item, b.kind, coalesce(k.new, b.item), b.key, 0, w.length, b.lasting
FROM unnest($1::bigint[], $2::integer[]) AS x (run, number)
JOIN {index}.distil_group g ON (g.run, g.number) = (x.run, x.number)
JOIN {index}.distil_member m ON (m.run, m.number) = (g.run, g.number)
JOIN {index}.provenance b ON b.episode = m.episode AND b.begins >= 0
LEFT JOIN unnest($3::bigint[], $4::bigint[]) AS k (old, new) ON b.kind = 5 AND k.old = b.item
CROSS JOIN LATERAL (SELECT coalesce(max(s.start + length(s.body)), 0) AS length FROM {index}.passage s WHERE s.item = g.item) w
ON CONFLICT DO NOTHING

-- name: finalise
WITH gone AS (
    DELETE FROM {index}.distil_member m USING unnest($1::bigint[], $2::integer[]) AS x (run, number)
    WHERE (m.run, m.number) = (x.run, x.number)
)
INSERT INTO {index}.retention_final (run, number) SELECT * FROM unnest($1::bigint[], $2::integer[]) ON CONFLICT DO NOTHING

-- name: is_final
SELECT EXISTS (SELECT FROM {index}.retention_final WHERE run = $1)

-- name: claims
-- Claims that rest on no text, with the rule whose time is over for them.
claims AS MATERIALIZED (
    SELECT c.id, c.edge, c.topic, d.scope, d.rule, d.action, d.since, d.hold, d.rule IS NOT NULL AND d.hold IS NULL AS due
    FROM {index}.claim c LEFT JOIN LATERAL (
        SELECT t.scope, r.name AS rule, r.action, v.since,
               CASE WHEN $3 THEN kgmem.hold_on($1, p.path, ARRAY[t.predicate], o.key, ARRAY(
                   SELECT i.id FROM {index}.item i WHERE i.scope = t.scope AND i.key = t.subject AND i.kind = 1) || c.edge) END AS hold
        FROM {index}.topic t JOIN {index}.scope p ON p.id = t.scope LEFT JOIN {index}.source o ON o.id = c.source
        LEFT JOIN {index}.edge e ON e.id = c.edge LEFT JOIN {index}.item_use u ON u.item = c.edge
        %(covers)s
        CROSS JOIN LATERAL (SELECT CASE r.clock WHEN 'recorded' THEN c.known_from WHEN 'used' THEN greatest(u.used, c.known_from)
            ELSE CASE WHEN e.id IS NULL OR (lower_inf(e.valid) AND upper_inf(e.valid)) THEN c.known_from
                      WHEN NOT upper_inf(e.valid) THEN upper(e.valid) END END AS since) v
        WHERE t.id = c.topic AND r.action <> 'distil' AND v.since + make_interval(secs => r.keep) <= $5
          AND c.episode IS NULL
          AND NOT EXISTS (SELECT FROM {index}.provenance b WHERE b.item = c.id AND b.kind = 5 AND b.begins >= 0)
    ) d ON true
    WHERE c.known_to IS NULL
)

-- name: relationships
-- Where sources state a relationship, all that they state of it has to be due; else its own time counts.
WITH %(rules)s, %(claims)s, stated AS (
    SELECT c.edge, bool_and(c.due) AS due, (array_agg(c.rule ORDER BY c.since DESC))[1] AS rule,
           (array_agg(c.action ORDER BY c.since DESC))[1] AS action, max(c.since) AS since
    FROM claims c WHERE c.edge IS NOT NULL GROUP BY c.edge
), due AS (
    SELECT e.id, e.key, e.scope, e.version, e.source, e.target, p.path, l.name AS label, o.key AS origin, s.rule, s.action, s.since
    FROM stated s JOIN {index}.edge e ON e.id = s.edge JOIN {index}.scope p ON p.id = e.scope
    LEFT JOIN {index}.label l ON l.id = e.kind LEFT JOIN {index}.source o ON o.id = e.origin
    WHERE s.due AND ($4::bigint[] IS NULL OR e.id = ANY ($4))
    UNION ALL
    SELECT e.id, e.key, e.scope, e.version, e.source, e.target, p.path, l.name, o.key, r.name, r.action, t.since
    FROM {index}.edge e JOIN {index}.scope p ON p.id = e.scope
    LEFT JOIN {index}.label l ON l.id = e.kind LEFT JOIN {index}.source o ON o.id = e.origin
    %(covers)s
    LEFT JOIN {index}.item_use u ON u.item = e.id
    CROSS JOIN LATERAL (SELECT CASE r.clock WHEN 'recorded' THEN e.known_from WHEN 'used' THEN greatest(u.used, e.known_from)
        ELSE CASE WHEN lower_inf(e.valid) AND upper_inf(e.valid) THEN e.known_from
                  WHEN NOT upper_inf(e.valid) THEN upper(e.valid) END END AS since) t
    WHERE r.action <> 'distil' AND t.since + make_interval(secs => r.keep) <= $5
      AND ($4::bigint[] IS NULL OR e.id = ANY ($4)) AND NOT EXISTS (SELECT FROM stated s WHERE s.edge = e.id)
)
SELECT d.id, 3::smallint AS kind, coalesce(d.key, '') AS key, d.scope, d.version, d.rule, d.action, d.since,
       $3 AND kgmem.hold_on($1, d.path, ARRAY[d.label], d.origin, ARRAY[d.id, d.source, d.target]) IS NOT NULL AS held
FROM due d
WHERE d.label <> ALL ('{SIMILAR_TO,CO_MENTIONED,MENTIONS,DISTILLED_FROM}'::text[])
  AND NOT EXISTS (SELECT FROM {index}.item n WHERE n.id IN (d.source, d.target) AND n.kind = 2)
  AND NOT EXISTS (SELECT FROM {index}.provenance b WHERE b.item = d.id AND b.kind = 3 AND b.begins >= 0)

-- name: facts
-- Single claims whose time is over, where the relationship that they state stays.
WITH %(rules)s, %(claims)s
SELECT c.id, 5::smallint AS kind, '' AS key, c.scope, 1 AS version, c.rule, c.action, c.since, c.hold IS NOT NULL AS held
FROM claims c
WHERE c.rule IS NOT NULL AND ($4::bigint[] IS NULL OR c.id = ANY ($4))
  AND NOT EXISTS (SELECT FROM {index}.retention_item x WHERE x.run = $2 AND x.kind = 3 AND x.item = c.edge AND x.state <> 'kept')

-- name: entities
-- An entity goes when nothing that stays is about it: no relationship, claim or text.
WITH %(rules)s, due AS (%(due)s)
SELECT d.id, d.kind, d.key, d.scope, d.version, d.rule, d.action, d.since, d.hold IS NOT NULL AS held
FROM due d
WHERE d.action <> 'distil'
  AND NOT EXISTS (
    SELECT FROM {index}.edge e JOIN {index}.label l ON l.id = e.kind
    WHERE (e.source = d.id OR e.target = d.id) AND l.name <> 'SIMILAR_TO'
      AND NOT EXISTS (SELECT FROM {index}.retention_item x WHERE x.run = $2 AND x.action <> 'distil' AND x.state <> 'kept'
                      AND ((x.kind = 3 AND x.item = e.id) OR (x.kind = 2 AND x.item IN (e.source, e.target)))))
  AND NOT EXISTS (
    SELECT FROM {index}.provenance b JOIN {index}.item n ON n.id = b.episode
    WHERE b.item = 0 AND b.key = d.key AND b.begins >= 0 AND n.scope = d.scope)
  AND NOT EXISTS (
    SELECT FROM {index}.topic t JOIN {index}.claim c ON c.topic = t.id AND c.known_to IS NULL
    WHERE t.scope = d.scope AND t.subject = d.key
      AND NOT EXISTS (SELECT FROM {index}.retention_item x WHERE x.run = $2 AND x.state <> 'kept'
                      AND ((x.kind = 5 AND x.item = c.id) OR (x.kind = 3 AND x.item = c.edge))))

-- name: plan
WITH given AS (SELECT $1::integer, $2::bigint, $3::boolean, $4::bigint[], $5::timestamptz)
INSERT INTO {index}.retention_item (run, kind, item, key, scope, rule, action, since, version)
SELECT $2, f.kind, f.id, f.key, f.scope, f.rule, f.action, f.since, f.version FROM (%(due)s) f
WHERE NOT f.held ORDER BY f.since, f.id LIMIT $6
ON CONFLICT (run, kind, item) DO NOTHING RETURNING item

-- name: held
WITH given AS (SELECT $1::integer, $2::bigint, $3::boolean, $4::bigint[], $5::timestamptz)
SELECT f.rule, f.kind, count(*)::integer AS n FROM (SELECT f.rule, f.kind FROM (%(due)s) f WHERE f.held LIMIT $6) f GROUP BY 1, 2

-- name: still_due
WITH given AS (SELECT $1::integer, $2::bigint, $3::boolean, $4::bigint[], $5::timestamptz)
SELECT f.id, f.version FROM (%(due)s) f WHERE NOT f.held

-- name: with_texts
-- What goes with the texts of a run: relationships and entities that were extracted from these texts alone.
WITH texts AS MATERIALIZED (
    SELECT x.item AS id, x.key, x.scope, x.rule, x.action FROM {index}.retention_item x
    WHERE x.run = $1 AND x.kind = 2 AND x.action IN ('forget', 'erase')
), facts AS MATERIALIZED (
    SELECT DISTINCT ON (e.id) e.id, e.scope, t.rule, t.action FROM texts t CROSS JOIN LATERAL (
        SELECT b.item AS edge FROM {index}.provenance b WHERE b.episode = t.id AND b.kind = 3
        UNION SELECT c.edge FROM {index}.provenance b JOIN {index}.claim c ON c.id = b.item
        WHERE b.episode = t.id AND b.kind = 5 AND c.known_to IS NULL
        UNION SELECT c.edge FROM {index}.claim c WHERE c.episode = t.key AND c.known_to IS NULL) x
    JOIN {index}.edge e ON e.id = x.edge
    WHERE NOT EXISTS (SELECT FROM {index}.provenance o WHERE o.item = e.id AND o.kind = 3 AND o.begins >= 0
                      AND NOT EXISTS (SELECT FROM texts n WHERE n.id = o.episode))
      AND NOT EXISTS (
        SELECT FROM {index}.claim c WHERE c.edge = e.id AND c.known_to IS NULL
        AND CASE WHEN EXISTS (SELECT FROM {index}.provenance o WHERE o.item = c.id AND o.kind = 5 AND o.begins >= 0)
                 THEN EXISTS (SELECT FROM {index}.provenance o WHERE o.item = c.id AND o.kind = 5 AND o.begins >= 0
                              AND NOT EXISTS (SELECT FROM texts n WHERE n.id = o.episode))
                 ELSE NOT EXISTS (SELECT FROM texts n WHERE n.key = c.episode) END)
      AND (EXISTS (SELECT FROM {index}.provenance o WHERE o.item = e.id AND o.kind = 3)
           OR NOT EXISTS (SELECT FROM {index}.history h WHERE h.id = e.id AND h.version = 1
                          AND NOT (h.record -> 'properties') ?| '{source,consensus,found_by}'))
    ORDER BY e.id, t.id
), entities AS MATERIALIZED (
    SELECT DISTINCT ON (i.id) i.id, i.key, i.scope, t.rule, t.action FROM texts t JOIN {index}.provenance b ON b.episode = t.id AND b.kind = 1
    JOIN {index}.item i ON i.scope = t.scope AND i.key = b.key AND i.kind = 1
    WHERE NOT EXISTS (SELECT FROM {index}.provenance o JOIN {index}.item n ON n.id = o.episode
                      WHERE o.item = 0 AND o.key = b.key AND o.begins >= 0 AND n.scope = i.scope
                      AND NOT EXISTS (SELECT FROM texts y WHERE y.id = o.episode))
      AND NOT EXISTS (
        SELECT FROM {index}.edge e JOIN {index}.label l ON l.id = e.kind
        WHERE (e.source = i.id OR e.target = i.id) AND l.name <> 'SIMILAR_TO' AND NOT EXISTS (SELECT FROM facts f WHERE f.id = e.id)
          AND NOT EXISTS (SELECT FROM texts y WHERE y.id IN (e.source, e.target)))
    ORDER BY i.id, t.id
)
SELECT w.*, s.path FROM (
    SELECT 3::smallint AS kind, f.id AS item, '' AS key, f.scope, f.rule, f.action FROM facts f
    UNION ALL SELECT 1::smallint, n.id, n.key, n.scope, n.rule, n.action FROM entities n) w
JOIN {index}.scope s ON s.id = w.scope ORDER BY w.kind DESC, w.item

-- name: add_run
INSERT INTO {index}.retention_run (state, trigger, by, most) VALUES ('running', $1, $2, $3) ON CONFLICT DO NOTHING RETURNING id

-- name: dry_run
INSERT INTO {index}.retention_run (state, trigger, by, most) VALUES ('planned', 'operator', $1, $2) RETURNING id, at

-- name: run
SELECT r.id, r.state, r.trigger, r.by, r.at, r.most, r.planned, r.more, r.held::text AS held, r.effects::text AS effects, r.problem,
       r.finished FROM {index}.retention_run r WHERE r.id = $1

-- name: runs
SELECT r.id, r.state, r.trigger, r.by, r.at, r.most, r.planned, r.more, r.held::text AS held, r.effects::text AS effects, r.problem,
       r.finished FROM {index}.retention_run r WHERE r.id < $1 ORDER BY r.id DESC LIMIT $2

-- name: counts
SELECT x.run, x.rule, x.kind, x.action, count(*)::integer AS planned, count(*) FILTER (WHERE x.state = 'removed')::integer AS removed,
       count(*) FILTER (WHERE x.state = 'distilled')::integer AS distilled, count(*) FILTER (WHERE x.state = 'kept')::integer AS kept
FROM {index}.retention_item x WHERE x.run = ANY ($1::bigint[]) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4

-- name: unfinished
SELECT id FROM {index}.retention_run WHERE state = 'running'

-- name: is_due
-- Whether a run is open that nobody executes, or the last one is so old that a new one is due.
SELECT EXISTS (SELECT FROM {index}.retention_run WHERE state = 'running' AND (taken IS NULL OR taken < now() - make_interval(secs => $1)))
    OR (EXISTS (SELECT FROM {index}.retention_rule WHERE keep IS NOT NULL)
        AND NOT EXISTS (SELECT FROM {index}.retention_run WHERE state = 'running')
        AND NOT EXISTS (SELECT FROM {index}.retention_run r WHERE r.id = (SELECT max(id) FROM {index}.retention_run)
                        AND NOT r.more AND r.at > now() - make_interval(secs => $2)
                        AND NOT EXISTS (SELECT FROM {index}.retention_rule n WHERE n.at > r.at)))

-- name: take
UPDATE {index}.retention_run SET taken = now(), holder = $2
WHERE id = $1 AND state = 'running' AND (holder = $2 OR taken IS NULL OR taken < now() - make_interval(secs => $3)) RETURNING id

-- name: release
UPDATE {index}.retention_run SET taken = NULL, holder = NULL WHERE id = $1 AND holder = $2

-- name: set_planned
UPDATE {index}.retention_run SET planned = true, more = $2, held = $3::text::jsonb WHERE id = $1

-- name: finish
UPDATE {index}.retention_run SET state = $2, problem = $3, finished = now() WHERE id = $1

-- name: add_effects
UPDATE {index}.retention_run r SET effects = (
    SELECT coalesce(jsonb_object_agg(key, n), '{}') FROM (
        SELECT key, sum(value::bigint) AS n FROM (
            SELECT * FROM jsonb_each_text(r.effects) UNION ALL SELECT * FROM jsonb_each_text($2::text::jsonb)) b GROUP BY key) a)
WHERE r.id = $1

-- name: prune_runs
-- Runs that removed nothing are kept for a month.
DELETE FROM {index}.retention_run r WHERE r.state <> 'running' AND r.at < now() - interval '30 days'
  AND NOT EXISTS (SELECT FROM {index}.retention_item x WHERE x.run = r.id)

-- name: batch
-- The next items of one kind, action and scope, the oldest first.
SELECT x.id, x.item, x.key, x.version, x.state, x.scope, s.path, x.action, x.rule FROM {index}.retention_item x
JOIN {index}.scope s ON s.id = x.scope
WHERE x.run = $1 AND x.kind = $2 AND x.state IN ('planned', 'taken')
  AND (x.scope, x.action) = (SELECT y.scope, y.action FROM {index}.retention_item y
                             WHERE y.run = $1 AND y.kind = $2 AND y.state IN ('planned', 'taken')
                             ORDER BY y.scope, y.action LIMIT 1)
ORDER BY x.id LIMIT $3

-- name: set_items
UPDATE {index}.retention_item SET state = $2, why = $3, at = clock_timestamp() WHERE id = ANY ($1::bigint[])

-- name: versions
SELECT item, version FROM {index}.retention_item WHERE id = ANY ($1::bigint[])

-- name: existing
SELECT i.id FROM {index}.item i WHERE $1 IN (1, 2) AND i.id = ANY ($2::bigint[]) AND i.kind = $1
UNION ALL SELECT e.id FROM {index}.edge e WHERE $1 = 3 AND e.id = ANY ($2::bigint[])
UNION ALL SELECT c.id FROM {index}.claim c WHERE $1 = 5 AND c.id = ANY ($2::bigint[]) AND c.known_to IS NULL

-- name: distilled
SELECT DISTINCT m.episode FROM {index}.distil_member m JOIN {index}.distil_group g ON (g.run, g.number) = (m.run, m.number)
WHERE m.episode = ANY ($1::bigint[]) AND g.state = 'done'

-- name: items
SELECT x.*, s.path FROM {index}.retention_item x JOIN {index}.scope s ON s.id = x.scope
WHERE x.id < $1 AND ($2::bigint IS NULL OR x.run = $2) AND ($3::text IS NULL OR x.rule = $3)
ORDER BY x.id DESC LIMIT $4

-- name: planned
SELECT x.*, s.path FROM {index}.retention_item x JOIN {index}.scope s ON s.id = x.scope WHERE x.run = $1 ORDER BY x.id LIMIT $2

-- name: guarded
SELECT EXISTS (SELECT FROM kgmem.hold h WHERE h.graph = $1 AND h.released_at IS NULL)
