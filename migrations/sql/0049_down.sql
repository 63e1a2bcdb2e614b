DROP TABLE "kgm_0".webhook;
DROP TABLE "kgm_0".webhook_secret;
DROP TABLE "kgm_0".webhook_waiting;
DROP TABLE "kgm_0".webhook_attempt;
