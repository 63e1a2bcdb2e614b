DROP TABLE "kgm_0".tier_settings;
DROP TABLE "kgm_0".item_use;
DROP TABLE "kgm_0".item_pin;
