DROP TABLE "kgm_0".session_message;
DROP TABLE "kgm_0".session;
