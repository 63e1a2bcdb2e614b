CREATE TABLE "kgm_0".memory_block (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope integer NOT NULL,
    name  text NOT NULL,
    last  integer NOT NULL DEFAULT 0,
    gone  boolean NOT NULL DEFAULT true,
    UNIQUE (scope, name)
);
CREATE TABLE "kgm_0".memory_block_version (
    block       bigint NOT NULL,
    version     integer NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    author      text,
    content     text NOT NULL,
    description text NOT NULL,
    most        integer NOT NULL,
    agents      text[] NOT NULL,
    PRIMARY KEY (block, version)
);
ALTER TABLE "kgm_0".memory_block ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".memory_block_version ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".memory_block;
ANALYZE "kgm_0".memory_block_version;
