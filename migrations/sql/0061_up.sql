-- The audit log: entries in the order of their numbers, each chained to the one before. `entry` is what is hashed; the
-- other columns repeat it, for filters.
CREATE TABLE kgmem.audit (
    id     bigint PRIMARY KEY,
    at     timestamptz NOT NULL,
    key    text COLLATE "C",
    graph  text COLLATE "C",
    scope  text COLLATE "C",
    item   text COLLATE "C",
    change boolean NOT NULL,
    entry  text NOT NULL,
    hash   bytea NOT NULL
);
CREATE INDEX audit_at ON kgmem.audit USING brin (at);
CREATE INDEX audit_key ON kgmem.audit (key, id);
CREATE INDEX audit_graph ON kgmem.audit (graph, id);
CREATE INDEX audit_item ON kgmem.audit (item, id) WHERE item IS NOT NULL;

-- One row: the end of the chain, what of its beginning was removed by age, and the secret of the digests.
CREATE TABLE kgmem.audit_state (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_id   bigint NOT NULL DEFAULT 0,
    last_hash bytea NOT NULL DEFAULT sha256('kgmem audit log'),
    base_id   bigint NOT NULL DEFAULT 0,
    base_hash bytea NOT NULL DEFAULT sha256('kgmem audit log'),
    salt      bytea  -- Made with the first entry.
);
INSERT INTO kgmem.audit_state DEFAULT VALUES;

CREATE TABLE kgmem.audit_level (
    graph text COLLATE "C" PRIMARY KEY,
    level text NOT NULL CHECK (level IN ('off', 'changes', 'all'))
);

CREATE FUNCTION kgmem.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('kgmem.audit_retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'kgmem.audit only grows: % is refused', TG_OP USING ERRCODE = '42501';
END
$$;
CREATE TRIGGER audit_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON kgmem.audit
FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_audit_change();
