CREATE TABLE "kgm_0".archived (
    item    bigint NOT NULL,
    digest  bigint NOT NULL,
    since   timestamptz,
    ordinal smallint NOT NULL,
    space   smallint NOT NULL,
    signs   varbit NOT NULL,
    codes   bytea NOT NULL,
    words   integer[] NOT NULL,
    given   halfvec
);
CREATE TABLE "kgm_0".archive_word (
    word  integer PRIMARY KEY,
    share real NOT NULL
);
CREATE TABLE "kgm_0".archive_space (
    id        smallint PRIMARY KEY,
    space     text COLLATE "C" NOT NULL UNIQUE,
    dimension integer NOT NULL,
    words_of  bigint NOT NULL DEFAULT 0,
    signs_of  bigint NOT NULL DEFAULT 0
);
ALTER TABLE "kgm_0".archived ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".archive_word ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".archive_space ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".archived;
ANALYZE "kgm_0".archive_word;
ANALYZE "kgm_0".archive_space;
