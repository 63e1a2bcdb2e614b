CREATE TABLE "kgm_0".publication (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope   integer NOT NULL,
    target  integer NOT NULL,
    kind    smallint NOT NULL,              -- 2 text, 3 relationship, 6 fact
    origin  bigint NOT NULL,                -- the id of what it follows
    topic   bigint,                         -- of a fact
    origins bigint[] NOT NULL DEFAULT '{}', -- the claims that it followed last
    key     text COLLATE "C",               -- of a text
    subject text COLLATE "C",
    predicate text COLLATE "C",
    by      text NOT NULL,
    reason  text NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    state   smallint NOT NULL DEFAULT 1,    -- 1 published, 2 withdrawn, 3 refused
    note    text,
    ended   timestamptz,
    copies  bigint[] NOT NULL DEFAULT '{}', -- claims or the text in the other scope
    changes bigint NOT NULL DEFAULT 1,      -- of the origin since
    settled bigint NOT NULL DEFAULT 0       -- of these, how many it has followed
);
CREATE UNIQUE INDEX publication_once ON "kgm_0".publication (kind, origin, target) WHERE ended IS NULL;
CREATE INDEX publication_topic ON "kgm_0".publication (topic) WHERE ended IS NULL;
CREATE INDEX publication_origin ON "kgm_0".publication (origin) WHERE ended IS NULL;
CREATE INDEX publication_due ON "kgm_0".publication (id) WHERE changes <> settled AND ended IS NULL;
CREATE INDEX publication_scope ON "kgm_0".publication (scope, id);
CREATE INDEX publication_target ON "kgm_0".publication (target, id);
CREATE INDEX publication_copies ON "kgm_0".publication USING gin (copies);

-- In the transaction of the change, so that whatever reads the graph after it sees that publications are due. Rows are
-- locked in the order of their ids.
CREATE FUNCTION "kgm_0".note_published_claims() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE "kgm_0".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "kgm_0".publication d
          WHERE d.ended IS NULL AND (d.topic IN (SELECT topic FROM gone)
                OR (d.kind = 3 AND d.origin IN (SELECT edge FROM gone WHERE edge IS NOT NULL)))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION "kgm_0".note_published_facts() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE "kgm_0".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "kgm_0".publication d WHERE d.ended IS NULL AND d.topic IN (SELECT topic FROM gone)
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION "kgm_0".note_published_items() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE "kgm_0".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "kgm_0".publication d
          WHERE d.ended IS NULL AND d.kind IN (2, 3) AND d.origin IN (SELECT id FROM gone)
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE FUNCTION "kgm_0".note_published_topics() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    UPDATE "kgm_0".publication p SET changes = p.changes + 1
    FROM (SELECT d.id FROM "kgm_0".publication d
          WHERE d.ended IS NULL AND d.topic IN (
              SELECT o.id FROM gone o JOIN come n ON n.id = o.id
              WHERE (o.scope, o.subject, o.predicate, o.about) IS DISTINCT FROM (n.scope, n.subject, n.predicate, n.about))
          ORDER BY d.id FOR UPDATE) n
    WHERE p.id = n.id;
    RETURN NULL;
END
$body$;
CREATE TRIGGER published_updated AFTER UPDATE ON "kgm_0".topic REFERENCING OLD TABLE AS gone NEW TABLE AS come
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_topics();
CREATE TRIGGER published_updated AFTER UPDATE ON "kgm_0".claim REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_claims();
CREATE TRIGGER published_deleted AFTER DELETE ON "kgm_0".claim REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_claims();
CREATE TRIGGER published_inserted AFTER INSERT ON "kgm_0".fact REFERENCING NEW TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_facts();
CREATE TRIGGER published_updated AFTER UPDATE ON "kgm_0".fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_facts();
CREATE TRIGGER published_deleted AFTER DELETE ON "kgm_0".fact REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_facts();
CREATE TRIGGER published_updated AFTER UPDATE ON "kgm_0".edge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_items();
CREATE TRIGGER published_deleted AFTER DELETE ON "kgm_0".edge REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_items();
CREATE TRIGGER published_updated AFTER UPDATE ON "kgm_0".item REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_items();
CREATE TRIGGER published_deleted AFTER DELETE ON "kgm_0".item REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION "kgm_0".note_published_items();

ALTER TABLE "kgm_0".publication ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".publication;
