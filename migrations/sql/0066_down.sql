DROP TABLE kgmem.redis_erasure;
