DROP FUNCTION kgmem.drop_unique_tables(name, name);
DROP FUNCTION kgmem.fill_unique_values(name, name, ag_catalog.graphid[]);
DROP FUNCTION kgmem.watch_unique_values(name, name);
DROP FUNCTION kgmem.make_unique_tables(name);
DROP FUNCTION kgmem.values_together(ag_catalog.agtype, ag_catalog.agtype[]);
DROP FUNCTION kgmem.left_table(ag_catalog.agtype);
