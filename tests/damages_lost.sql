/* Damage that cannot be repaired, each under the check that must name it; see damages_derivable.sql. */

-- ends-gone
DELETE FROM <g>."Person" WHERE id = (SELECT id::text::ag_catalog.graphid FROM <i>.item WHERE key = 'k30')

-- claims-lost
DELETE FROM <i>.topic WHERE predicate = 'BORN_IN'

-- decisions-lost
INSERT INTO <i>.adjudication (scope, topic, action, by, reason) VALUES (0, 987654, 'accept', 'x', 'y')

-- history
UPDATE <i>.history SET known = tstzrange(lower(known), 'infinity') WHERE version = 1 AND id = (SELECT id FROM
    <i>.item WHERE key = 'k1')

-- history-gaps
DELETE FROM <i>.history WHERE version = 2 AND id = (SELECT id FROM <i>.item WHERE key = 'k2')

-- feed-gaps
DELETE FROM <i>.change WHERE id = (SELECT min(id) FROM <i>.change)
