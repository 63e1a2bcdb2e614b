DROP FUNCTION kgmem.settled_below();
