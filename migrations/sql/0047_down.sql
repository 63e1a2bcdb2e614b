DROP TABLE "kgm_0".work_stream;
DROP TABLE "kgm_0".work_message;
DROP TABLE "kgm_0".work_group;
DROP TABLE "kgm_0".work_delivery;
DROP TABLE "kgm_0".work_dead;
