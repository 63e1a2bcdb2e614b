-- Records that are stored together, such as the versions of an agent's state: what they are about, and their order.
ALTER TABLE kgmem.import_episode ADD COLUMN about text COLLATE "C", ADD COLUMN place bigint;
CREATE INDEX import_episode_about ON kgmem.import_episode (import, about, place) WHERE about IS NOT NULL;
