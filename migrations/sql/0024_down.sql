DROP SCHEMA kgm_0_then CASCADE;
DROP SCHEMA kgm_0 CASCADE;
DROP FUNCTION kgmem.history_is_not_made();
ALTER TABLE kgmem.graph DROP COLUMN subsystems;
