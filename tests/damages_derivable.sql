/* Damage that can be repaired, each under the check that must name it. <i> is the schema of the index, <g> that of
   AGE's graph, <v> the table of the vectors. */

-- nodes-unindexed
DELETE FROM <i>.item WHERE key = 'k7'

-- nodes-differ
UPDATE <i>.item SET valid = tstzrange('1999-01-01', NULL) WHERE key = 'k8'

-- nodes-differ
UPDATE <i>.item SET scope = 77 WHERE key = 'k9'

-- nodes-differ
UPDATE <i>.item SET place = point(1, 2) WHERE key = 'k12'

-- nodes-gone
INSERT INTO <i>.item (id, kind, scope, key) SELECT max(id) + 900, 1, 0, 'ghost' FROM <i>.item

-- relationships-unindexed
DELETE FROM <i>.edge WHERE source = (SELECT id FROM <i>.item WHERE key = 'k15')

-- relationships-differ
UPDATE <i>.edge SET confidence = 0.1 WHERE source = (SELECT id FROM <i>.item WHERE key = 'k16')

-- relationships-gone
INSERT INTO <i>.edge (id, source, target, kind, scope, parallel_edge_hash) SELECT max(id) + 900, min(source),
    min(target), min(kind), 0, 7 FROM <i>.edge GROUP BY id >> 48 LIMIT 1

-- facts-differ
DELETE FROM <i>.item WHERE kind = 3 AND id = (SELECT e.id FROM <i>.edge e JOIN <i>.item i ON i.id = e.source
    WHERE i.key = 'k21' LIMIT 1)

-- passages-differ
UPDATE <i>.passage SET body = 'wrong' WHERE body LIKE '%number22%'

-- passages-differ
DELETE FROM <i>.passage WHERE body LIKE '%number23%'

-- passages-gone
INSERT INTO <i>.passage (item, ordinal, start, body) VALUES (12345, 0, 0, 'nobody')

-- vectors-missing
DELETE FROM <i>.<v> WHERE passage IN (SELECT id FROM <i>.passage WHERE body LIKE '%number24%')

-- vectors-gone
INSERT INTO <i>.<v> SELECT 987654, 12345, false, embedding FROM <i>.<v> LIMIT 1

-- vectors-gone
UPDATE <i>.<v> SET item = 1 WHERE passage = (SELECT min(passage) FROM <i>.<v>)

-- waiting-gone
INSERT INTO <i>.embedding_queue (passage, space) VALUES (987655, 'no-such-space')

-- extraction-gone
INSERT INTO <i>.extraction_queue (episode, digest) VALUES (12345, 1)

-- topics-unweighed
DELETE FROM <i>.fact WHERE topic = (SELECT id FROM <i>.topic WHERE predicate = 'age')

-- properties-differ
UPDATE <i>.fact SET valid = tstzrange('1990-01-01', '1991-01-01') WHERE topic = (SELECT id FROM <i>.topic WHERE predicate = 'age')

-- properties-differ
UPDATE <i>.fact SET valid = tstzrange(NULL, '2990-01-01') WHERE topic = (SELECT id FROM <i>.topic WHERE predicate = 'age')

-- facts-lost
UPDATE <i>.fact SET topic = 987654 WHERE id = (SELECT max(id) FROM <i>.fact)

-- states-lost
INSERT INTO <i>.relationship_state (id, fact, state, probability) VALUES (5, 987654, 1, 0.5)

-- feed
INSERT INTO <i>.change (xid, operation, kind, ids) VALUES ('9000000000', 2, 1, '{1}')

-- indexes
DROP INDEX <i>.edge_in

-- indexes
DROP INDEX <i>.passage_words

-- indexes
DROP INDEX <i>.<v>_hnsw

-- indexes
ALTER TABLE <i>.item DROP CONSTRAINT item_scope_key_kind_key

-- indexes
UPDATE pg_index SET indisvalid = false WHERE indexrelid = '<i>.item_labelled'::regclass

-- indexes
ALTER TABLE <g>."Person" DROP CONSTRAINT "Person_pkey"

-- triggers
DROP TRIGGER keep ON <i>.item

-- triggers
ALTER TABLE <i>.edge DISABLE TRIGGER keep_gone

-- triggers
CREATE OR REPLACE FUNCTION <i>.keep_edge() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'

-- triggers
DROP VIEW <i>_asof.adjudication

-- capture
ALTER TABLE <g>._ag_label_vertex DROP CONSTRAINT kgmem_capture

-- property-indexes
DO $$ DECLARE n text; BEGIN FOR n IN SELECT indexname FROM pg_indexes WHERE schemaname = '<g>' AND indexname
    LIKE 'kgmem_indexed_%' LOOP EXECUTE format('DROP INDEX <g>.%I', n); END LOOP; END $$

-- sequences
SELECT setval('<g>."Person_id_seq"', 1)

-- sequences
SELECT setval(pg_get_serial_sequence('<i>.change', 'id'), 1)
