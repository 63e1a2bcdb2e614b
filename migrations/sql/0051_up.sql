CREATE TABLE "kgm_0".tier_settings (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    settings   jsonb NOT NULL DEFAULT '{}',
    swept_at   timestamptz,
    seen       bigint NOT NULL DEFAULT 0,
    active     boolean NOT NULL DEFAULT true
);
CREATE TABLE "kgm_0".item_use (
    item bigint PRIMARY KEY,
    used timestamptz NOT NULL,
    uses real NOT NULL,
    moved timestamptz
);
CREATE TABLE "kgm_0".item_pin (
    item bigint PRIMARY KEY,
    tier smallint NOT NULL
);
ALTER TABLE "kgm_0".tier_settings ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".item_use ADD CONSTRAINT is_not_made CHECK (false);
ALTER TABLE "kgm_0".item_pin ADD CONSTRAINT is_not_made CHECK (false);
ANALYZE "kgm_0".tier_settings;
ANALYZE "kgm_0".item_use;
ANALYZE "kgm_0".item_pin;
