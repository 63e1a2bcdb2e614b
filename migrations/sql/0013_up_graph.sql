-- Entities that are one: merges, pairs for review, and names as resolution looks them up.
DO $migration$
DECLARE
    graph  record;
    parked name;
    tables text := $ddl$
-- Entities that were found to be one: what the merge did, so that it can be undone exactly.
CREATE TABLE {index}.merge (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     integer NOT NULL,
    kept      bigint NOT NULL,
    gone      bigint NOT NULL,
    kept_key  text COLLATE "C" NOT NULL,
    gone_key  text COLLATE "C" NOT NULL,
    by        text NOT NULL,
    reason    text NOT NULL,
    record    jsonb NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    undone_by text,
    undone_reason text
);
CREATE INDEX merge_gone ON {index}.merge (scope, gone_key) WHERE undone_at IS NULL;
CREATE INDEX merge_kept ON {index}.merge (scope, kept_key) WHERE undone_at IS NULL;

-- Entities that may be one: the review list of resolution. What a person has told apart stays told.
CREATE TABLE {index}.likeness (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope    integer NOT NULL,
    one      text COLLATE "C" NOT NULL,
    other    text COLLATE "C" NOT NULL,
    evidence real NOT NULL,
    parts    jsonb NOT NULL,
    vetoed   text,
    state    smallint NOT NULL DEFAULT 1,     -- 1 open, 2 two things, 3 one thing
    by       text,
    reason   text,
    at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (scope, one, other)
);
CREATE INDEX likeness_open ON {index}.likeness (evidence DESC, id) WHERE state = 1;

-- The names of entities as resolution looks them up: derived, and brought up to date from the change feed when asked.
CREATE TABLE {index}.named (
    item   bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    parts  text[] NOT NULL,                   -- words (with = before them) and trigrams
    PRIMARY KEY (item, folded)
);
CREATE INDEX named_folded ON {index}.named (folded);
CREATE INDEX named_parts ON {index}.named USING gin (parts);
CREATE TABLE {index}.named_until (change bigint NOT NULL);
INSERT INTO {index}.named_until VALUES (0);
$ddl$;
BEGIN
    FOR graph IN SELECT index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        EXECUTE replace(tables, '{index}', quote_ident(graph.index_name));
        FOREACH parked IN ARRAY ARRAY['merge', 'likeness'] LOOP
            IF to_regclass(format('%I.%I', graph.index_name, 'resolution_parked_' || parked)) IS NOT NULL THEN
                EXECUTE format('INSERT INTO %1$I.%2$I OVERRIDING SYSTEM VALUE SELECT * FROM %1$I.%3$I',
                               graph.index_name, parked, 'resolution_parked_' || parked);
                EXECUTE format('SELECT setval(pg_get_serial_sequence(%L, ''id''), greatest(max(id), 1), max(id) IS NOT NULL) FROM %I.%I',
                               quote_ident(graph.index_name) || '.' || quote_ident(parked), graph.index_name, parked);
                EXECUTE format('DROP TABLE %I.%I', graph.index_name, 'resolution_parked_' || parked);
            END IF;
        END LOOP;
    END LOOP;
END
$migration$;
