ALTER TABLE kgmem.key ADD COLUMN last_used_at timestamptz;

CREATE TABLE IF NOT EXISTS kgmem.parked_key_last_used (id text, last_used_at timestamptz);
UPDATE kgmem.key k SET last_used_at = p.last_used_at FROM kgmem.parked_key_last_used p WHERE p.id = k.id;
DROP TABLE kgmem.parked_key_last_used;
