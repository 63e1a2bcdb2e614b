-- hash is of the current secret; old_hash is of the one before, which is valid until old_until.
ALTER TABLE kgmem.key
    ADD COLUMN generation integer NOT NULL DEFAULT 0,
    ADD COLUMN rotated_at timestamptz,
    ADD COLUMN old_hash text,
    ADD COLUMN old_until timestamptz,
    ADD COLUMN per_minute integer CHECK (per_minute > 0),
    ADD COLUMN burst integer CHECK (burst > 0);
