DROP FUNCTION kgmem.refuse_held() CASCADE;
DROP FUNCTION kgmem.guard_holds(integer, name, boolean);
DROP FUNCTION kgmem.hold_on(integer, text, text[], text, bigint[]);
DROP TABLE kgmem.hold;
