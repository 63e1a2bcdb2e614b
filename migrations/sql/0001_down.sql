DROP SCHEMA kgmem_jobs CASCADE;
DROP FUNCTION kgmem.capture(integer, ag_catalog.graphid);
DROP TABLE kgmem.captured, kgmem.key, kgmem.graph;
DROP TABLE IF EXISTS kgmem.parked_key_last_used;
DROP TABLE IF EXISTS kgmem.parked_import, kgmem.parked_import_batch, kgmem.parked_import_rejection,
    kgmem.parked_import_episode, kgmem.parked_import_relationship, kgmem.parked_change_import,
    kgmem.parked_import_state, kgmem.parked_import_move, kgmem.parked_graph_facts,
    kgmem.parked_graph_extraction, kgmem.parked_named_indexes, kgmem.parked_graph_recipe;
