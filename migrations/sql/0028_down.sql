DROP VIEW "kgm_0_asof".claim_origin;
DROP TABLE "kgm_0".answered;
DROP TABLE "kgm_0".claim_origin;
