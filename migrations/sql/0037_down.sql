DROP TABLE "kgm_0".ledger_head;
DROP TABLE "kgm_0".ledger_hold;
DROP TABLE "kgm_0".ledger_account;
DROP TABLE "kgm_0".ledger_entry;
DROP TABLE "kgm_0".ledger_record;
DROP FUNCTION kgmem.refuse_ledger_change();
