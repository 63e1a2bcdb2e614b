DROP TABLE "kgm_0".source_key;
