ALTER TABLE kgmem.key
    DROP COLUMN generation, DROP COLUMN rotated_at, DROP COLUMN old_hash, DROP COLUMN old_until, DROP COLUMN per_minute,
    DROP COLUMN burst;
