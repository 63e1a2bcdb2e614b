-- The newest report of the integrity check of each graph; graph 0 is the database as a whole.
CREATE TABLE kgmem.integrity (
    graph      integer PRIMARY KEY,
    checked_at timestamptz NOT NULL DEFAULT now(),
    report     jsonb NOT NULL
);

-- A timeline begins with a promotion or a restore, after which the keyword index of pg_textsearch before 1.5 is stale.
ALTER TABLE kgmem.graph ADD COLUMN words_timeline integer;
