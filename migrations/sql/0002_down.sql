CREATE TABLE kgmem.parked_key_last_used AS
    SELECT id, last_used_at FROM kgmem.key WHERE last_used_at IS NOT NULL;
ALTER TABLE kgmem.key DROP COLUMN last_used_at;
