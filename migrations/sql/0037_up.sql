CREATE FUNCTION kgmem.refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION 'The ledger is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Post a transaction that corrects it.';
END
$refuse$;

CREATE TABLE "kgm_0".ledger_record (
    seq      bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    kind     text NOT NULL,
    scope    integer NOT NULL,
    key      text,
    agent    text,
    session  text,
    tags     text[],
    reverses bigint,
    noted    boolean NOT NULL DEFAULT false,
    content  text NOT NULL,
    hash     bytea NOT NULL
);
CREATE UNIQUE INDEX ledger_record_key ON "kgm_0".ledger_record (scope, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX ledger_record_reverses ON "kgm_0".ledger_record (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX ledger_record_at ON "kgm_0".ledger_record (at);
CREATE INDEX ledger_record_agent ON "kgm_0".ledger_record (scope, agent, seq) WHERE agent IS NOT NULL;
CREATE INDEX ledger_record_session ON "kgm_0".ledger_record (scope, session, seq) WHERE session IS NOT NULL;
CREATE INDEX ledger_record_tags ON "kgm_0".ledger_record USING gin (tags) WHERE tags IS NOT NULL;
CREATE INDEX ledger_record_noted ON "kgm_0".ledger_record (scope, seq) WHERE noted;
CREATE TABLE "kgm_0".ledger_entry (
    seq      bigint NOT NULL,
    position smallint NOT NULL,
    account  bigint NOT NULL,
    amount   numeric NOT NULL,
    balance  numeric NOT NULL,
    PRIMARY KEY (account, seq, position)
);
CREATE INDEX ledger_entry_seq ON "kgm_0".ledger_entry (seq);

CREATE TABLE "kgm_0".ledger_account (
    id          bigint PRIMARY KEY,
    scope       integer NOT NULL,
    name        text NOT NULL,
    kind        text NOT NULL,
    unit        text NOT NULL,
    scale       smallint NOT NULL,
    hard_min    numeric,
    hard_max    numeric,
    soft_min    numeric,
    soft_max    numeric,
    description text NOT NULL,
    closed      boolean NOT NULL,
    opened_at   timestamptz NOT NULL,
    posted      numeric NOT NULL,
    held        numeric NOT NULL,
    incoming    numeric NOT NULL,
    UNIQUE (scope, name)
) WITH (fillfactor = 50);
CREATE TABLE "kgm_0".ledger_hold (
    id          bigint PRIMARY KEY,
    at          timestamptz NOT NULL,
    scope       integer NOT NULL,
    source      bigint NOT NULL,
    destination bigint NOT NULL,
    amount      numeric NOT NULL,
    expires_at  timestamptz NOT NULL,
    state       text NOT NULL,
    closed_at   timestamptz,
    closed_by   bigint,
    settled     numeric
);
CREATE INDEX ledger_hold_source ON "kgm_0".ledger_hold (source, expires_at);
CREATE INDEX ledger_hold_destination ON "kgm_0".ledger_hold (destination, expires_at);
CREATE INDEX ledger_hold_open ON "kgm_0".ledger_hold (expires_at) WHERE state = 'open';
CREATE INDEX ledger_hold_scope ON "kgm_0".ledger_hold (scope, id);

CREATE TABLE "kgm_0".ledger_head (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    records bigint NOT NULL DEFAULT 0,
    hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    at      timestamptz
) WITH (fillfactor = 10);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "kgm_0".ledger_record
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON "kgm_0".ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON "kgm_0".ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON "kgm_0".ledger_hold
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE INSERT OR DELETE OR TRUNCATE ON "kgm_0".ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
ALTER TABLE "kgm_0".ledger_record ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE "kgm_0".ledger_entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE "kgm_0".ledger_account ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE "kgm_0".ledger_hold ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE "kgm_0".ledger_head ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE "kgm_0".ledger_record ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".ledger_entry ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".ledger_account ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".ledger_hold ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".ledger_head ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".ledger_record;
ANALYZE "kgm_0".ledger_entry;
ANALYZE "kgm_0".ledger_account;
ANALYZE "kgm_0".ledger_hold;
ANALYZE "kgm_0".ledger_head;
