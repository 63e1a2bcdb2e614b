-- An import may wait for a worker, with its files in a folder of uploads, and is taken back out step by step.
ALTER TABLE kgmem.import DROP CONSTRAINT import_state_check;
ALTER TABLE kgmem.import ADD CONSTRAINT import_state_check
    CHECK (state IN ('waiting', 'running', 'failed', 'done', 'undoing', 'undone'));
ALTER TABLE kgmem.import
    ADD COLUMN upload   text,              -- the folder of its uploaded files; null once they are removed
    ADD COLUMN progress jsonb,             -- how far the process that runs it is
    ADD COLUMN told_at  timestamptz,       -- when that process last gave a sign of life
    ADD COLUMN undone   jsonb;             -- what taking it back out did

-- Vertices that got another id because the import, or taking it back out, gave them another label.
CREATE TABLE kgmem.import_move (
    import integer NOT NULL REFERENCES kgmem.import ON DELETE CASCADE,
    former bigint NOT NULL,
    now    bigint NOT NULL,
    PRIMARY KEY (import, former)
);
CREATE INDEX import_move_now ON kgmem.import_move (import, now);

-- What is said later of a relationship that waits has to wait too, so that it is merged in the order of the files.
CREATE INDEX import_relationship_ends ON kgmem.import_relationship (import, start_key, end_key);
CREATE INDEX import_relationship_key ON kgmem.import_relationship (import, key) WHERE key IS NOT NULL;

DO $$
BEGIN
    IF to_regclass('kgmem.parked_import_state') IS NULL THEN
        RETURN;
    END IF;
    UPDATE kgmem.import i
    SET state = p.state, upload = p.upload, progress = p.progress, told_at = p.told_at, undone = p.undone
    FROM kgmem.parked_import_state p WHERE p.id = i.id;
    INSERT INTO kgmem.import_move SELECT * FROM kgmem.parked_import_move;
    DROP TABLE kgmem.parked_import_state, kgmem.parked_import_move;
END
$$;
