DROP TABLE kgmem.key_grant;
