DROP TABLE kgmem.erasure_report;
ALTER TABLE kgmem.graph DROP COLUMN names_erased;
