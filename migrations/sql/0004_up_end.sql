DROP TABLE IF EXISTS kgmem.parked_change_import;
