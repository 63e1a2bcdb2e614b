DO $migration$
DECLARE
    graph  record;
    tables text := $ddl$
-- Episodes that wait to be read; written with the episode, so that nothing is forgotten.
CREATE TABLE {index}.unread (
    episode  bigint PRIMARY KEY,
    digest   bigint NOT NULL,             -- hash of what shall be read
    taken    timestamptz,                 -- when a reader took it; one that died loses it after a while
    attempts smallint NOT NULL DEFAULT 0,
    problem  text                         -- why it cannot be read; such an episode waits until somebody asks
);

CREATE TABLE {index}.reading (
    episode   bigint PRIMARY KEY,
    digest    bigint NOT NULL,
    extractor text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    tokens    integer NOT NULL DEFAULT 0,
    cost      double precision NOT NULL DEFAULT 0,
    problem   text                        -- why the offline rules stood in
);

-- What an episode brought, and where in its text that stands: entities by key, relationships and claims by id.
CREATE TABLE {index}.brought (
    episode bigint NOT NULL,
    kind    smallint NOT NULL,            -- 1 entity, 3 relationship, 5 claim
    item    bigint NOT NULL,              -- 0 for entities
    key     text COLLATE "C" NOT NULL,    -- empty for the others
    begins  integer NOT NULL,
    ends    integer NOT NULL,
    lasting boolean NOT NULL DEFAULT false,   -- a claim of which the text told no end
    PRIMARY KEY (episode, kind, item, key)
);
CREATE INDEX brought_item ON {index}.brought (item) WHERE item <> 0;
CREATE INDEX brought_key ON {index}.brought (key) WHERE item = 0;
$ddl$;
    one    text;
BEGIN
    FOR graph IN SELECT '"' || index_name || '"' AS index, index_name FROM kgmem.graph
                 WHERE id = current_setting('kgmem.graph_in_turn')::integer
                   AND to_regclass(format('%I.unembedded', index_name)) IS NOT NULL LOOP
        IF to_regclass(format('%I.parked_unread', graph.index_name)) IS NULL THEN
            EXECUTE replace(tables, '{index}', graph.index);
            CONTINUE;
        END IF;
        FOREACH one IN ARRAY ARRAY['unread', 'reading', 'brought'] LOOP
            EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', graph.index_name, 'parked_' || one, one);
        END LOOP;
    END LOOP;
END
$migration$;
