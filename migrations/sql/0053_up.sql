-- Legal holds of a graph. A released one stays, for the audit.
CREATE TABLE kgmem.hold (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    graph          integer NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('graph', 'scope', 'label', 'source', 'items')),
    name           text COLLATE "C",       -- of the scope, label or source
    ids            bigint[] NOT NULL DEFAULT '{}',
    keys           text[] NOT NULL DEFAULT '{}',
    reason         text NOT NULL,
    by             text NOT NULL,
    at             timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    released_by    text,
    release_reason text
);
CREATE INDEX hold_graph ON kgmem.hold (graph, id);
CREATE INDEX hold_active ON kgmem.hold (graph) WHERE released_at IS NULL;

-- The hold that covers something, by its scope, labels, source, and the ids of what it is and belongs to.
CREATE FUNCTION kgmem.hold_on(of_graph integer, scope text, labels text[], source text, of_ids bigint[]) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT h.id FROM kgmem.hold h
    WHERE h.graph = of_graph AND h.released_at IS NULL
      AND CASE h.kind WHEN 'graph' THEN true
                      WHEN 'scope' THEN coalesce(scope, '') = h.name
                                        OR (h.name <> '' AND pg_catalog.starts_with(coalesce(scope, ''), h.name || '/'))
                      WHEN 'label' THEN h.name = ANY (labels)
                      WHEN 'source' THEN h.name = source
                      ELSE h.ids && of_ids END
    ORDER BY h.id LIMIT 1
$$;

-- Refuse to delete rows of what is held. Its argument is the number of the graph.
CREATE FUNCTION kgmem.refuse_held() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    x    text := quote_ident(TG_TABLE_SCHEMA);
    g    integer := TG_ARGV[0]::integer;
    held bigint;
    told text;
BEGIN
    IF current_setting('kgmem.holds', true) = 'off' THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME IN ('item', 'past_item') THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, array_append(r.labels, l.name), o.key, ARRAY[r.id]) AS h
            FROM gone r LEFT JOIN %s.scope s ON s.id = r.scope LEFT JOIN %s.source o ON o.id = r.source
            LEFT JOIN %s.label l ON l.id = r.id >> 48 WHERE r.kind < 3) f WHERE h IS NOT NULL LIMIT 1', g, x, x, x) INTO held;
    ELSIF TG_TABLE_NAME IN ('edge', 'past_edge') THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, ARRAY[l.name], o.key, ARRAY[r.id, r.source, r.target]) AS h
            FROM gone r LEFT JOIN %s.scope s ON s.id = r.scope LEFT JOIN %s.source o ON o.id = r.origin
            LEFT JOIN %s.label l ON l.id = r.kind WHERE l.name IS DISTINCT FROM ''SIMILAR_TO'') f
            WHERE h IS NOT NULL LIMIT 1', g, x, x, x) INTO held;
    ELSIF TG_TABLE_NAME = 'history' THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, r.record ->> ''scope'', ARRAY[l.name, r.record ->> ''label''],
            r.record ->> ''source'', ARRAY[r.id]) AS h
            FROM gone r LEFT JOIN %s.label l ON l.id = r.id >> 48) f WHERE h IS NOT NULL LIMIT 1', g, x) INTO held;
    ELSIF TG_TABLE_NAME = 'claim' THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, ARRAY[t.predicate], o.key,
            ARRAY(SELECT i.id FROM %s.item i WHERE i.scope = t.scope AND i.key = t.subject AND i.kind = 1) || r.edge) AS h
            FROM gone r JOIN %s.topic t ON t.id = r.topic LEFT JOIN %s.scope s ON s.id = t.scope
            LEFT JOIN %s.source o ON o.id = r.source) f WHERE h IS NOT NULL LIMIT 1', g, x, x, x, x) INTO held;
    ELSIF TG_TABLE_NAME = 'session_message' THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, NULL, NULL, ARRAY[r.item]) AS h
            FROM gone r JOIN %s.session n ON n.id = r.session LEFT JOIN %s.scope s ON s.id = n.scope) f
            WHERE h IS NOT NULL LIMIT 1', g, x, x) INTO held;
    ELSIF TG_TABLE_NAME = 'memory_block_version' THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, NULL, NULL, NULL) AS h
            FROM gone r JOIN %s.memory_block n ON n.id = r.block LEFT JOIN %s.scope s ON s.id = n.scope) f
            WHERE h IS NOT NULL LIMIT 1', g, x, x) INTO held;
    ELSIF TG_TABLE_NAME = 'agent_state_version' THEN
        EXECUTE format('SELECT h FROM (SELECT kgmem.hold_on(%s, s.path, NULL, NULL, NULL) AS h
            FROM gone r JOIN %s.agent_state n ON n.id = r.state LEFT JOIN %s.scope s ON s.id = n.scope) f
            WHERE h IS NOT NULL LIMIT 1', g, x, x) INTO held;
    END IF;
    IF held IS NOT NULL THEN
        SELECT format('%s: %s', h.id, h.reason) INTO told FROM kgmem.hold h WHERE h.id = held;
        RAISE EXCEPTION USING ERRCODE = 'KGH01', MESSAGE = told;
    END IF;
    RETURN NULL;
END
$$;

-- Put the triggers on the tables that a graph has, or take them away: graphs without holds do not pay for them.
CREATE FUNCTION kgmem.guard_holds(of_graph integer, index_name name, guarded boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    target record;
BEGIN
    FOR target IN
        SELECT c.oid::regclass AS name, EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'held') AS has
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = index_name AND c.relkind = 'r'
          AND c.relname IN ('item', 'edge', 'claim', 'history', 'past_item', 'past_edge', 'session_message',
                            'memory_block_version', 'agent_state_version')
        ORDER BY c.relname
    LOOP
        IF guarded AND NOT target.has THEN
            EXECUTE format('CREATE TRIGGER held AFTER DELETE ON %s REFERENCING OLD TABLE AS gone
                            FOR EACH STATEMENT EXECUTE FUNCTION kgmem.refuse_held(%s)', target.name, of_graph);
        ELSIF NOT guarded AND target.has THEN
            EXECUTE format('DROP TRIGGER held ON %s', target.name);
        END IF;
    END LOOP;
END
$$;
