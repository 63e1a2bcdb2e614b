DROP TABLE "kgm_0".agent_retention;
DROP TABLE "kgm_0".agent_state_checkpoint;
DROP TABLE "kgm_0".agent_state_version;
DROP TABLE "kgm_0".agent_state;
