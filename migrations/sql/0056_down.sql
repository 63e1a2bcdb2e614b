DROP TABLE "kgm_0".followed_answer;
DROP TABLE "kgm_0".answer_event;
