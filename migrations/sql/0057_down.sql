DROP TABLE "kgm_0".archived;
DROP TABLE "kgm_0".archive_word;
DROP TABLE "kgm_0".archive_space;
