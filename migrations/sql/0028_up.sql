CREATE TABLE "kgm_0".claim_origin (
    claim        bigint PRIMARY KEY,
    sentence     bigint,
    derived_from text[]
);
CREATE TABLE "kgm_0".answered (
    fingerprint bigint NOT NULL,
    asker       bigint NOT NULL,
    since       timestamptz NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (fingerprint, asker)
);
CREATE INDEX answered_at ON "kgm_0".answered (at);
ALTER TABLE "kgm_0".claim_origin ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".answered ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".claim_origin;
ANALYZE "kgm_0".answered;
CREATE VIEW "kgm_0_asof".claim_origin AS SELECT * FROM "kgm_0".claim_origin;
