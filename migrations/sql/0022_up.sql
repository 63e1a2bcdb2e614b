-- Records of what a graph believes wait as episodes do, until what they speak of is there: 0 an episode, then by the order
-- in which they can be stored (domain/claims/records.py).
ALTER TABLE kgmem.import_episode ADD COLUMN kind smallint NOT NULL DEFAULT 0;
