-- Analysts and reviewers read. A key that may not read has no role that is as narrow: it is revoked.
UPDATE kgmem.key SET revoked_at = coalesce(revoked_at, now()) WHERE role = 'importer';
UPDATE kgmem.key SET role = 'reader' WHERE role IN ('analyst', 'reviewer', 'importer');
ALTER TABLE kgmem.key DROP CONSTRAINT key_role_check;
ALTER TABLE kgmem.key ADD CONSTRAINT key_role_check CHECK (role IN ('reader', 'writer', 'admin'));
