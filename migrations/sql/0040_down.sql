DROP TABLE "kgm_0".subscription;
DROP TABLE "kgm_0".subscription_group;
DROP TABLE "kgm_0".erased_scope;
