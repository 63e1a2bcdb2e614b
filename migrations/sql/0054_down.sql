DROP TABLE "kgm_0".distil_run;
DROP TABLE "kgm_0".distil_group;
DROP TABLE "kgm_0".distil_member;
DROP TABLE "kgm_0".distil_probe;
DROP TABLE "kgm_0".distil_allowance;
