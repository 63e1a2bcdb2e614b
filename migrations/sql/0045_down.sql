DROP FUNCTION "kgm_0".note_published_topics() CASCADE;
DROP FUNCTION "kgm_0".note_published_claims() CASCADE;
DROP FUNCTION "kgm_0".note_published_facts() CASCADE;
DROP FUNCTION "kgm_0".note_published_items() CASCADE;
DROP TABLE "kgm_0".publication;
