DROP TABLE kgmem.audit, kgmem.audit_state, kgmem.audit_level;
DROP FUNCTION kgmem.refuse_audit_change();
