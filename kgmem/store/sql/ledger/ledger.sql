-- name: create
-- The journal: what happened, in one order, each record sealed by a hash over all before it. All other tables of the
-- ledger follow from it.
CREATE TABLE {index}.ledger_record (
    seq      bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    kind     text NOT NULL,               -- account, transaction, hold, release
    scope    integer NOT NULL,
    key      text,                        -- the idempotency key
    agent    text,
    session  text,
    tags     text[],
    reverses bigint,
    noted    boolean NOT NULL DEFAULT false, -- a soft limit was passed
    content  text NOT NULL,               -- what is sealed
    hash     bytea NOT NULL
);
CREATE UNIQUE INDEX ledger_record_key ON {index}.ledger_record (scope, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX ledger_record_reverses ON {index}.ledger_record (reverses) WHERE reverses IS NOT NULL;
CREATE INDEX ledger_record_at ON {index}.ledger_record (at);
CREATE INDEX ledger_record_agent ON {index}.ledger_record (scope, agent, seq) WHERE agent IS NOT NULL;
CREATE INDEX ledger_record_session ON {index}.ledger_record (scope, session, seq) WHERE session IS NOT NULL;
CREATE INDEX ledger_record_tags ON {index}.ledger_record USING gin (tags) WHERE tags IS NOT NULL;
CREATE INDEX ledger_record_noted ON {index}.ledger_record (scope, seq) WHERE noted;
CREATE TABLE {index}.ledger_entry (
    seq      bigint NOT NULL,
    position smallint NOT NULL,
    account  bigint NOT NULL,
    amount   numeric NOT NULL,
    balance  numeric NOT NULL,            -- of the account after it
    PRIMARY KEY (account, seq, position)
);
CREATE INDEX ledger_entry_seq ON {index}.ledger_entry (seq);

-- Where each account is after all records; its id is the record that opened it.
CREATE TABLE {index}.ledger_account (
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
CREATE TABLE {index}.ledger_hold (
    id          bigint PRIMARY KEY,       -- the record that made it
    at          timestamptz NOT NULL,
    scope       integer NOT NULL,
    source      bigint NOT NULL,
    destination bigint NOT NULL,
    amount      numeric NOT NULL,
    expires_at  timestamptz NOT NULL,     -- infinity: never
    state       text NOT NULL,
    closed_at   timestamptz,
    closed_by   bigint,
    settled     numeric
);
CREATE INDEX ledger_hold_source ON {index}.ledger_hold (source, expires_at);
CREATE INDEX ledger_hold_destination ON {index}.ledger_hold (destination, expires_at);
CREATE INDEX ledger_hold_open ON {index}.ledger_hold (expires_at) WHERE state = 'open';
CREATE INDEX ledger_hold_scope ON {index}.ledger_hold (scope, id);

-- One row: how many records there are, and the hash of the last. Writers lock it, so they seal one after the other.
CREATE TABLE {index}.ledger_head (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    records bigint NOT NULL DEFAULT 0,
    hash    bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    at      timestamptz
) WITH (fillfactor = 10);
INSERT INTO {index}.ledger_head DEFAULT VALUES;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {index}.ledger_record
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {index}.ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON {index}.ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON {index}.ledger_hold
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
CREATE TRIGGER append_only BEFORE INSERT OR DELETE OR TRUNCATE ON {index}.ledger_head
    FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_ledger_change();
ALTER TABLE {index}.ledger_record ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {index}.ledger_entry ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {index}.ledger_account ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {index}.ledger_hold ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {index}.ledger_head ENABLE ALWAYS TRIGGER append_only;

-- name: lock_head
SELECT records, hash, at, clock_timestamp() AS now FROM {index}.ledger_head FOR UPDATE

-- name: head
SELECT records, hash, at FROM {index}.ledger_head

-- name: settle_head
-- Waits for the writers in progress: what they write is of a time before this.
SELECT records FROM {index}.ledger_head FOR SHARE

-- name: accounts_named
SELECT a.* FROM unnest($1::integer[], $2::text[]) AS wanted (scope, name)
JOIN {index}.ledger_account a ON a.scope = wanted.scope AND a.name = wanted.name

-- name: accounts_by_id
SELECT * FROM {index}.ledger_account WHERE id = ANY ($1::bigint[])

-- name: records_by_key
SELECT r.content, r.hash FROM unnest($1::integer[], $2::text[]) AS wanted (scope, key)
JOIN {index}.ledger_record r ON r.scope = wanted.scope AND r.key = wanted.key

-- name: records_by_seq
SELECT content, hash FROM {index}.ledger_record WHERE seq = ANY ($1::bigint[])

-- name: reversals
SELECT reverses, seq FROM {index}.ledger_record WHERE reverses = ANY ($1::bigint[])

-- name: holds_by_id
SELECT *, nullif(expires_at, 'infinity') AS expires FROM {index}.ledger_hold WHERE id = ANY ($1::bigint[])

-- name: lapsed_holds
-- Of some accounts, those that count no more though nobody has closed them.
SELECT *, expires_at AS expires FROM {index}.ledger_hold
WHERE state = 'open' AND source = ANY ($1::bigint[]) AND expires_at <= $2
UNION
SELECT *, expires_at AS expires FROM {index}.ledger_hold
WHERE state = 'open' AND destination = ANY ($1::bigint[]) AND expires_at <= $2

-- name: some_lapsed_holds
SELECT *, expires_at AS expires FROM {index}.ledger_hold
WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT 1000

-- name: set_reserved
UPDATE {index}.ledger_account a SET held = b.held, incoming = b.incoming
FROM unnest($1::bigint[], $2::numeric[], $3::numeric[]) AS b (id, held, incoming) WHERE a.id = b.id

-- name: any_lapsed_hold
SELECT EXISTS (SELECT FROM {index}.ledger_hold WHERE state = 'open' AND expires_at <= clock_timestamp())

-- name: append
-- Records, entries and balances in one statement, which also moves the head.
WITH records AS (
    INSERT INTO {index}.ledger_record
        (seq, at, kind, scope, key, agent, session, tags, reverses, noted, content, hash)
    SELECT seq, at, kind, scope, key, agent, session, string_to_array(tags, E'\x1f'), reverses, noted, content, hash
    FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::bigint[], $10::boolean[], $11::text[], $12::bytea[])
         AS r (seq, at, kind, scope, key, agent, session, tags, reverses, noted, content, hash)
), entries AS (
    INSERT INTO {index}.ledger_entry (seq, position, account, amount, balance)
    SELECT * FROM unnest($13::bigint[], $14::smallint[], $15::bigint[], $16::numeric[], $17::numeric[])
), balances AS (
    UPDATE {index}.ledger_account a SET posted = b.posted, held = b.held, incoming = b.incoming
    FROM unnest($18::bigint[], $19::numeric[], $20::numeric[], $21::numeric[]) AS b (id, posted, held, incoming)
    WHERE a.id = b.id
)
UPDATE {index}.ledger_head SET records = $22, hash = $23, at = $24

-- name: put_accounts
INSERT INTO {index}.ledger_account
    (id, scope, name, kind, unit, scale, hard_min, hard_max, soft_min, soft_max, description, closed, opened_at,
     posted, held, incoming)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::numeric[],
                     $8::numeric[], $9::numeric[], $10::numeric[], $11::text[], $12::boolean[], $13::timestamptz[],
                     $14::numeric[], $15::numeric[], $16::numeric[])
ON CONFLICT (id) DO UPDATE SET
    hard_min = excluded.hard_min, hard_max = excluded.hard_max, soft_min = excluded.soft_min,
    soft_max = excluded.soft_max, description = excluded.description, closed = excluded.closed

-- name: put_holds
INSERT INTO {index}.ledger_hold
    (id, at, scope, source, destination, amount, expires_at, state, closed_at, closed_by, settled)
SELECT id, at, scope, source, destination, amount, coalesce(expires_at, 'infinity'), state, closed_at, closed_by,
       settled
FROM unnest($1::bigint[], $2::timestamptz[], $3::integer[], $4::bigint[], $5::bigint[], $6::numeric[],
            $7::timestamptz[], $8::text[], $9::timestamptz[], $10::bigint[], $11::numeric[])
     AS h (id, at, scope, source, destination, amount, expires_at, state, closed_at, closed_by, settled)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, closed_at = excluded.closed_at, closed_by = excluded.closed_by, settled = excluded.settled

-- name: seq_at
SELECT seq FROM {index}.ledger_record WHERE at <= $1 ORDER BY at DESC LIMIT 1

-- name: list_accounts
SELECT * FROM {index}.ledger_account
WHERE scope = $1 AND name > $2 AND ($3::text IS NULL OR kind = $3) AND ($4::text IS NULL OR unit = $4)
ORDER BY name LIMIT $5

-- name: balances_at
-- Of some accounts, as of a time, up to the last record then.
SELECT a.id,
       coalesce((SELECT e.balance FROM {index}.ledger_entry e WHERE e.account = a.id AND e.seq <= $3
                 ORDER BY e.seq DESC, e.position DESC LIMIT 1), 0) AS posted,
       coalesce((SELECT sum(h.amount) FROM {index}.ledger_hold h
                 WHERE h.source = a.id AND h.expires_at > $2 AND h.id <= $3
                   AND (h.closed_by IS NULL OR h.closed_by > $3)), 0) AS held,
       coalesce((SELECT sum(h.amount) FROM {index}.ledger_hold h
                 WHERE h.destination = a.id AND h.expires_at > $2 AND h.id <= $3
                   AND (h.closed_by IS NULL OR h.closed_by > $3)), 0) AS incoming
FROM unnest($1::bigint[]) AS a (id)

-- name: record
SELECT content, hash FROM {index}.ledger_record WHERE seq = $1 AND scope = $2 AND kind = $3

-- name: find_transaction
SELECT r.content, r.hash FROM unnest($1::integer[]) WITH ORDINALITY AS wanted (scope, place)
JOIN {index}.ledger_record r
  ON r.scope = wanted.scope AND r.kind = 'transaction' AND (r.seq = $2::bigint OR r.key = $3::text)
ORDER BY wanted.place DESC LIMIT 1

-- name: list_holds
SELECT h.*, nullif(h.expires_at, 'infinity') AS expires, r.content, r.hash
FROM {index}.ledger_hold h JOIN {index}.ledger_record r ON r.seq = h.id
WHERE h.scope = $1 AND h.id < $2
  AND ($3::text IS NULL OR $3 = CASE WHEN h.state = 'open' AND h.expires_at <= $4 THEN 'expired' ELSE h.state END)
  AND ($5::bigint IS NULL OR h.source = $5 OR h.destination = $5)
ORDER BY h.id DESC LIMIT $6

-- name: hold
SELECT h.*, nullif(h.expires_at, 'infinity') AS expires, r.content, r.hash
FROM {index}.ledger_hold h JOIN {index}.ledger_record r ON r.seq = h.id
WHERE h.id = $1 AND h.scope = $2

-- name: list_transactions
SELECT content, hash FROM {index}.ledger_record
WHERE scope = $1 AND kind = 'transaction' AND seq < $2 ORDER BY seq DESC LIMIT $3

-- name: notices
SELECT content, hash FROM {index}.ledger_record
WHERE scope = $1 AND noted AND seq < $2 ORDER BY seq DESC LIMIT $3

-- name: statement_lines
SELECT e.seq, e.position, e.amount, e.balance, e.account, r.content, r.hash, r.at
FROM {index}.ledger_record r JOIN {index}.ledger_entry e ON e.seq = r.seq
WHERE r.scope = $1
  AND ($2::bigint IS NULL OR e.account = $2)
  AND ($3::text IS NULL OR r.agent = $3)
  AND ($4::text IS NULL OR r.session = $4)
  AND ($5::text IS NULL OR r.tags @> ARRAY[$5::text])
  AND ($6::timestamptz IS NULL OR r.at >= $6)
  AND ($7::timestamptz IS NULL OR r.at < $7)
  AND (e.seq, e.position) > ($8::bigint, $9::smallint)
ORDER BY e.seq, e.position LIMIT $10

-- name: statement_totals
SELECT a.name, a.kind, a.unit, count(*) AS entries,
       coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS added,
       coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0) AS deducted
FROM {index}.ledger_record r
JOIN {index}.ledger_entry e ON e.seq = r.seq
JOIN {index}.ledger_account a ON a.id = e.account
WHERE r.scope = $1
  AND ($2::bigint IS NULL OR e.account = $2)
  AND ($3::text IS NULL OR r.agent = $3)
  AND ($4::text IS NULL OR r.session = $4)
  AND ($5::text IS NULL OR r.tags @> ARRAY[$5::text])
  AND ($6::timestamptz IS NULL OR r.at >= $6)
  AND ($7::timestamptz IS NULL OR r.at < $7)
GROUP BY a.id ORDER BY a.name

-- name: balance_before
-- Of an account, before a time.
SELECT e.balance FROM {index}.ledger_entry e
WHERE e.account = $1 AND e.seq <= coalesce((SELECT seq FROM {index}.ledger_record WHERE at < $2
                                            ORDER BY at DESC LIMIT 1), 0)
ORDER BY e.seq DESC, e.position DESC LIMIT 1

-- name: sealed
SELECT content, encode(hash, 'hex') AS hash FROM {index}.ledger_record WHERE seq > $1 ORDER BY seq LIMIT $2

-- name: records_of_scope
-- The records of a scope, or of all, each with the hash of the one before it in the chain.
SELECT r.content, r.hash, s.path, p.hash AS previous
FROM {index}.ledger_record r JOIN {index}.scope s ON s.id = r.scope LEFT JOIN {index}.ledger_record p ON p.seq = r.seq - 1
WHERE $1::text IS NULL OR s.path = $1 ORDER BY r.seq

-- name: hash_of
SELECT hash FROM {index}.ledger_record WHERE seq = $1

-- name: page_of_records
SELECT r.seq, r.at, r.kind, s.path AS scope, r.key, r.agent, r.session, r.tags, r.reverses, r.noted, r.content, r.hash
FROM {index}.ledger_record r LEFT JOIN {index}.scope s ON s.id = r.scope
WHERE r.seq > $1 ORDER BY r.seq LIMIT $2

-- name: page_of_entries
SELECT seq, position, account, amount, balance FROM {index}.ledger_entry
WHERE seq >= $1 AND seq <= $2 ORDER BY seq, position

-- name: stray_entry
SELECT seq, position, account FROM {index}.ledger_entry WHERE seq > $1 OR seq < 1 LIMIT 1

-- name: all_accounts
SELECT a.*, s.path FROM {index}.ledger_account a LEFT JOIN {index}.scope s ON s.id = a.scope ORDER BY a.id

-- name: page_of_holds
SELECT h.*, nullif(h.expires_at, 'infinity') AS expires, s.path
FROM {index}.ledger_hold h LEFT JOIN {index}.scope s ON s.id = h.scope
WHERE h.id > $1 ORDER BY h.id LIMIT $2

-- name: scope_names
SELECT id, path FROM {index}.scope WHERE id = ANY ($1::integer[])
