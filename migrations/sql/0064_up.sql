-- Keys of analysts, reviewers and importers.
ALTER TABLE kgmem.key DROP CONSTRAINT key_role_check;
ALTER TABLE kgmem.key ADD CONSTRAINT key_role_check
CHECK (role IN ('reader', 'analyst', 'reviewer', 'importer', 'writer', 'admin'));
