DROP TABLE kgmem.activity;
DROP TABLE "kgm_0".presence;
