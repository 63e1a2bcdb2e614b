CREATE TABLE "kgm_0".session_part (
    session bigint NOT NULL,
    level   smallint NOT NULL,
    place   bigint NOT NULL,
    body    jsonb NOT NULL,
    PRIMARY KEY (session, level, place)
);
ALTER TABLE "kgm_0".session_part ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".session_part;
