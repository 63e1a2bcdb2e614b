DROP TABLE kgmem.flow_forgotten;
DROP TABLE kgmem.flow;
