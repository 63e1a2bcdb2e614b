DROP TABLE "kgm_0".retention_rule;
DROP TABLE "kgm_0".retention_run;
DROP TABLE "kgm_0".retention_item;
DROP TABLE "kgm_0".retention_final;
