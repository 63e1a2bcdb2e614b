DROP TABLE "kgm_0".expiry;
