CREATE TABLE "kgm_0".source_key (
    source     integer NOT NULL,
    key        text COLLATE "C" NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, key)
);
ALTER TABLE "kgm_0".source_key ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".source_key;
