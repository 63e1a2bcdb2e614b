CREATE TABLE kgmem.key_grant (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text COLLATE "C" NOT NULL REFERENCES kgmem.key (id) ON DELETE CASCADE,
    scope         text COLLATE "C" NOT NULL CHECK (scope <> ''),
    access        text NOT NULL CHECK (access IN ('read', 'write')),
    graph         text COLLATE "C",
    reason        text NOT NULL,
    starts_at     timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz CHECK (expires_at > starts_at),
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text,
    revoked_at    timestamptz,
    revoked_by    text,
    revoke_reason text
);
CREATE INDEX key_grant_key ON kgmem.key_grant (key, id);
