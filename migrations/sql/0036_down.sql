DROP TABLE "kgm_0".session_part;
