<<<<<<< HEAD
DROP FUNCTION kgmem.track_epoch(name, jsonb);
DROP FUNCTION "kgm_0".epoch_item();
DROP FUNCTION "kgm_0".epoch_topic();
DROP FUNCTION "kgm_0".epoch_edge();
DROP FUNCTION "kgm_0".epoch_session();
DROP FUNCTION "kgm_0".epoch_state();
DROP FUNCTION "kgm_0".epoch_block();
DROP FUNCTION "kgm_0".epoch_timed();
DROP FUNCTION "kgm_0".epoch_scope();
DROP FUNCTION "kgm_0".epoch_graph();
DROP FUNCTION "kgm_0".move_epoch(integer, integer[]);
DROP TABLE "kgm_0".boundary;
DROP TABLE "kgm_0".epoch;
=======
DROP TABLE "kgm_0".followed_answer;
DROP TABLE "kgm_0".answer_event;
>>>>>>> 633fd926 (migrations: 0055 makes the tables of followed answers)
