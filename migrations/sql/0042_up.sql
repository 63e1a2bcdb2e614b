CREATE TABLE "kgm_0".expiry (
    kind       smallint NOT NULL,
    id         bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (kind, id)
);
ALTER TABLE "kgm_0".expiry ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".expiry;
