-- name: refuse_rows
-- Until the rest is made nothing can be stored, so that no change goes unnoticed.
CREATE TRIGGER keep BEFORE INSERT ON {index}.item FOR EACH STATEMENT EXECUTE FUNCTION kgmem.history_is_not_made();
CREATE TRIGGER keep BEFORE INSERT ON {index}.edge FOR EACH STATEMENT EXECUTE FUNCTION kgmem.history_is_not_made();
CREATE TRIGGER keep BEFORE INSERT ON {index}.source FOR EACH STATEMENT EXECUTE FUNCTION kgmem.history_is_not_made();

-- name: create
-- What was known earlier, row by row as the index held it. Triggers write it, so that no statement has to think of it,
-- and nothing is written for what is new. A row was held from the later of known_from and since: since is only set
-- where a row changed without a new version (another id, another trust).
CREATE TABLE {index}.past_item (
    id         bigint NOT NULL,
    kind       smallint NOT NULL,
    scope      integer NOT NULL,
    version    integer NOT NULL,
    source     integer,
    tier       smallint NOT NULL,
    trust      real,
    known_from timestamptz NOT NULL,
    valid      tstzrange NOT NULL,
    place      point,
    area       box,
    labels     text[],
    key        text COLLATE "C" NOT NULL,
    known      tstzrange NOT NULL,
    thing      bigint NOT NULL,           -- the id under which history holds it: a vertex may get another label, and id
    certain    boolean NOT NULL           -- no other client had written to it, so that history tells what it was
);
CREATE INDEX past_item_id ON {index}.past_item (id);
CREATE INDEX past_item_thing ON {index}.past_item (thing);
CREATE INDEX past_item_key ON {index}.past_item (scope, key, kind);

CREATE TABLE {index}.past_passage (
    id      bigint NOT NULL,
    item    bigint NOT NULL,
    ordinal integer NOT NULL,
    start   integer NOT NULL,
    body    text NOT NULL,
    known   tstzrange NOT NULL
);
CREATE INDEX past_passage_item ON {index}.past_passage (item);

-- A vector is made of its text, so it counts as known since the text is; only until when it was held is kept.
CREATE TABLE {index}.past_vector (
    passage   bigint NOT NULL,
    vectors   name NOT NULL,              -- the table of its embedding space
    until     timestamptz NOT NULL,
    embedding halfvec NOT NULL
);
CREATE INDEX past_vector_passage ON {index}.past_vector (passage, vectors, until);

CREATE TABLE {index}.past_edge (
    id            bigint NOT NULL,
    source        bigint NOT NULL,
    target        bigint NOT NULL,
    kind          integer NOT NULL,
    scope         integer NOT NULL,
    version       integer NOT NULL,
    origin        integer,
    strength      real,
    confidence    real,
    trust         real,
    known_from    timestamptz NOT NULL,
    valid         tstzrange NOT NULL,
    parallel_edge_hash bigint NOT NULL,
    key           text COLLATE "C",
    known         tstzrange NOT NULL,
    certain       boolean NOT NULL
);
CREATE INDEX past_edge_id ON {index}.past_edge (id);
CREATE INDEX past_edge_out ON {index}.past_edge (source, kind, target);
CREATE INDEX past_edge_in ON {index}.past_edge (target, kind) INCLUDE (source);

CREATE TABLE {index}.past_source (
    id    integer NOT NULL,
    key   text COLLATE "C" NOT NULL,
    name  text,
    kind  text,
    trust double precision NOT NULL,
    note  text,
    known tstzrange NOT NULL
);

CREATE FUNCTION {index}.is_certain(thing bigint) RETURNS boolean LANGUAGE sql STABLE AS $body$
    SELECT NOT EXISTS (SELECT 1 FROM kgmem.captured c WHERE c.graph = %(graph_id)s AND c.id = thing)
$body$;

CREATE FUNCTION {index}.keep_item() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    held  timestamptz := greatest(OLD.known_from, OLD.since);
    until timestamptz;
BEGIN
    IF (NEW.id, NEW.known_from, NEW.scope, NEW.key, NEW.source, NEW.trust, NEW.valid)
       IS NOT DISTINCT FROM (OLD.id, OLD.known_from, OLD.scope, OLD.key, OLD.source, OLD.trust, OLD.valid) THEN
        RETURN NEW;
    END IF;
    until := greatest(CASE WHEN NEW.known_from > OLD.known_from THEN NEW.known_from ELSE now() END, held + interval '1us');
    IF until > NEW.known_from THEN
        NEW.since := until;
    END IF;
    INSERT INTO {index}.past_item (id, kind, scope, version, source, tier, trust, known_from, valid, place, area,
                                   labels, key, known, thing, certain)
    VALUES (OLD.id, OLD.kind, OLD.scope, OLD.version, OLD.source, OLD.tier, OLD.trust, OLD.known_from, OLD.valid,
            OLD.place, OLD.area, OLD.labels, OLD.key, tstzrange(held, until), NEW.id, {index}.is_certain(OLD.id));
    IF NEW.id <> OLD.id THEN
        UPDATE {index}.past_item SET thing = NEW.id WHERE thing = OLD.id;
    END IF;
    RETURN NEW;
END
$body$;
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE ON {index}.item FOR EACH ROW EXECUTE FUNCTION {index}.keep_item();

CREATE FUNCTION {index}.keep_items() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {index}.past_item (id, kind, scope, version, source, tier, trust, known_from, valid, place, area,
                                   labels, key, known, thing, certain)
    SELECT g.id, g.kind, g.scope, g.version, g.source, g.tier, g.trust, g.known_from, g.valid, g.place, g.area,
           g.labels, g.key, tstzrange(h.held, greatest(now(), h.held + interval '1us')), g.id, {index}.is_certain(g.id)
    FROM gone g CROSS JOIN LATERAL (SELECT greatest(g.known_from, g.since) AS held) h;
    RETURN NULL;
END
$body$;
CREATE OR REPLACE TRIGGER keep_gone AFTER DELETE ON {index}.item REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.keep_items();

CREATE FUNCTION {index}.keep_edge() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    held  timestamptz := greatest(OLD.known_from, OLD.since);
    until timestamptz;
BEGIN
    IF (NEW.source, NEW.target, NEW.known_from, NEW.scope, NEW.key, NEW.origin, NEW.strength, NEW.confidence,
        NEW.trust, NEW.valid)
       IS NOT DISTINCT FROM (OLD.source, OLD.target, OLD.known_from, OLD.scope, OLD.key, OLD.origin, OLD.strength,
                             OLD.confidence, OLD.trust, OLD.valid) THEN
        RETURN NEW;
    END IF;
    until := greatest(CASE WHEN NEW.known_from > OLD.known_from THEN NEW.known_from ELSE now() END, held + interval '1us');
    IF until > NEW.known_from THEN
        NEW.since := until;
    END IF;
    INSERT INTO {index}.past_edge (id, source, target, kind, scope, version, origin, strength, confidence, trust,
                                   known_from, valid, parallel_edge_hash, key, known, certain)
    VALUES (OLD.id, OLD.source, OLD.target, OLD.kind, OLD.scope, OLD.version, OLD.origin, OLD.strength, OLD.confidence,
            OLD.trust, OLD.known_from, OLD.valid, OLD.parallel_edge_hash, OLD.key, tstzrange(held, until),
            {index}.is_certain(OLD.id));
    RETURN NEW;
END
$body$;
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE ON {index}.edge FOR EACH ROW EXECUTE FUNCTION {index}.keep_edge();

CREATE FUNCTION {index}.keep_edges() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {index}.past_edge (id, source, target, kind, scope, version, origin, strength, confidence, trust,
                                   known_from, valid, parallel_edge_hash, key, known, certain)
    SELECT g.id, g.source, g.target, g.kind, g.scope, g.version, g.origin, g.strength, g.confidence, g.trust,
           g.known_from, g.valid, g.parallel_edge_hash, g.key,
           tstzrange(h.held, greatest(now(), h.held + interval '1us')), {index}.is_certain(g.id)
    FROM gone g CROSS JOIN LATERAL (SELECT greatest(g.known_from, g.since) AS held) h;
    RETURN NULL;
END
$body$;
CREATE OR REPLACE TRIGGER keep_gone AFTER DELETE ON {index}.edge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.keep_edges();

-- A passage gets another item when a vertex gets another label.
CREATE FUNCTION {index}.keep_passage() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    until timestamptz;
BEGIN
    IF NEW.item = OLD.item THEN
        RETURN NEW;
    END IF;
    until := coalesce((SELECT greatest(i.known_from, i.since) FROM {index}.item i WHERE i.id = NEW.item), now());
    INSERT INTO {index}.past_passage (id, item, ordinal, start, body, known)
    VALUES (OLD.id, OLD.item, OLD.ordinal, OLD.start, OLD.body, tstzrange(OLD.since, greatest(until, OLD.since)));
    NEW.since := until;
    RETURN NEW;
END
$body$;
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE ON {index}.passage FOR EACH ROW EXECUTE FUNCTION {index}.keep_passage();

-- When the text changed, its item has its new version already.
CREATE FUNCTION {index}.keep_passages() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {index}.past_passage (id, item, ordinal, start, body, known)
    SELECT g.id, g.item, g.ordinal, g.start, g.body,
           tstzrange(g.since, greatest(now(), g.since, i.known_from, i.since))
    FROM gone g LEFT JOIN {index}.item i ON i.id = g.item;
    RETURN NULL;
END
$body$;
CREATE OR REPLACE TRIGGER keep_gone AFTER DELETE ON {index}.passage REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.keep_passages();

CREATE FUNCTION {index}.keep_vector() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF NEW.embedding <> OLD.embedding THEN
        INSERT INTO {index}.past_vector (passage, vectors, until, embedding)
        SELECT OLD.passage, TG_TABLE_NAME, greatest(now(), max(greatest(i.known_from, i.since))), OLD.embedding
        FROM {index}.item i WHERE i.id = NEW.item;
    END IF;
    RETURN NEW;
END
$body$;

CREATE FUNCTION {index}.keep_vectors() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO {index}.past_vector (passage, vectors, until, embedding)
    SELECT g.passage, TG_TABLE_NAME, 'infinity', g.embedding FROM gone g;
    RETURN NULL;
END
$body$;

CREATE FUNCTION {index}.keep_source() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.since := greatest(now(), OLD.since + interval '1us');
    INSERT INTO {index}.past_source (id, key, name, kind, trust, note, known)
    VALUES (OLD.id, OLD.key, OLD.name, OLD.kind, OLD.trust, OLD.note, tstzrange(OLD.since, NEW.since));
    RETURN NEW;
END
$body$;
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE ON {index}.source FOR EACH ROW EXECUTE FUNCTION {index}.keep_source();

-- name: create_asof
-- The index as it was known at kgmem.known_at, a setting of the transaction: the same names in a schema of its own, so
-- that what is asked of the one can be asked of the other.
CREATE SCHEMA {asof};

CREATE VIEW {asof}.label AS SELECT * FROM {index}.label;
CREATE VIEW {asof}.scope AS SELECT * FROM {index}.scope;

CREATE VIEW {asof}.item AS
SELECT id, kind, scope, version, source, tier, trust, known_from, valid, place, area, labels, key,
       NULL::timestamptz AS known_to, id AS thing, true AS held, true AS certain
FROM {index}.item
WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
  AND (since IS NULL OR since <= (SELECT current_setting('kgmem.known_at')::timestamptz))
UNION ALL
SELECT id, kind, scope, version, source, tier, trust, known_from, valid, place, area, labels, key,
       upper(known), thing, false, certain
FROM {index}.past_item WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW {asof}.edge AS
SELECT id, source, target, kind, scope, version, origin, strength, confidence, trust, known_from, valid,
       parallel_edge_hash, key, NULL::timestamptz AS known_to, true AS held, true AS certain
FROM {index}.edge
WHERE known_from <= (SELECT current_setting('kgmem.known_at')::timestamptz)
  AND (since IS NULL OR since <= (SELECT current_setting('kgmem.known_at')::timestamptz))
UNION ALL
SELECT id, source, target, kind, scope, version, origin, strength, confidence, trust, known_from, valid,
       parallel_edge_hash, key, upper(known), false, certain
FROM {index}.past_edge WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

-- Those of an item that was not known then are among them: join them with the items.
CREATE VIEW {asof}.passage AS
SELECT id, item, ordinal, start, body FROM {index}.passage
WHERE since IS NULL OR since <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, item, ordinal, start, body FROM {index}.past_passage
WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

CREATE VIEW {asof}.source AS
SELECT id, key, name, kind, trust, note FROM {index}.source
WHERE since IS NULL OR since <= (SELECT current_setting('kgmem.known_at')::timestamptz)
UNION ALL
SELECT id, key, name, kind, trust, note FROM {index}.past_source
WHERE known @> (SELECT current_setting('kgmem.known_at')::timestamptz);

-- name: create_vectors
CREATE OR REPLACE TRIGGER keep BEFORE UPDATE ON {index}.{table} FOR EACH ROW EXECUTE FUNCTION {index}.keep_vector();
CREATE OR REPLACE TRIGGER keep_gone AFTER DELETE ON {index}.{table} REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION {index}.keep_vectors();

CREATE VIEW {asof}.{table} AS
SELECT p.id AS passage, p.item, v.embedding
FROM {index}.{table} v JOIN {asof}.passage p ON p.id = v.passage
WHERE NOT EXISTS (SELECT 1 FROM {index}.past_vector o WHERE o.passage = v.passage AND o.vectors = %(vectors)s
                  AND o.until > (SELECT current_setting('kgmem.known_at')::timestamptz))
UNION ALL
SELECT p.id, p.item, o.embedding
FROM (SELECT DISTINCT ON (passage) passage, embedding FROM {index}.past_vector
      WHERE vectors = %(vectors)s AND until > (SELECT current_setting('kgmem.known_at')::timestamptz)
      ORDER BY passage, until) o
JOIN {asof}.passage p ON p.id = o.passage;

-- name: forget_vectors
-- Vectors of a space that nothing is asked in any more.
DELETE FROM {index}.past_vector WHERE vectors = $1

-- name: drop_asof
DROP SCHEMA IF EXISTS {asof} CASCADE
