DROP TABLE "kgm_0".memory_block_version;
DROP TABLE "kgm_0".memory_block;
