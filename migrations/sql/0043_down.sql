DROP TABLE "kgm_0".feedback;
