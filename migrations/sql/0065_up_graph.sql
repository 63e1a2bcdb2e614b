-- What publications stored in the other scope beside claims. Texts that were published before are compared with the versions
-- of their origins when they next follow, which is due.
DO $migration$
DECLARE
    -- Without a graph in turn: the empty tables that stand in for those of a graph which publishes nothing.
    place name := coalesce(
        (SELECT index_name FROM kgmem.graph WHERE id = nullif(current_setting('kgmem.graph_in_turn', true), '')::integer),
        'kgm_0');
BEGIN
    IF to_regclass(format('%I.publication', place)) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I.published_item (
        publication bigint NOT NULL,
        item   bigint NOT NULL,
        kind   smallint NOT NULL,
        digest bigint NOT NULL,
        state  smallint NOT NULL DEFAULT 1,
        PRIMARY KEY (publication, item))', place);
    EXECUTE format('CREATE INDEX published_item_item ON %I.published_item (item)', place);
    EXECUTE format('CREATE INDEX published_item_leaving ON %I.published_item (publication, item) WHERE state IN (2, 3)', place);
    IF place = 'kgm_0' THEN
        ALTER TABLE "kgm_0".published_item ADD CONSTRAINT is_not_made CHECK (false);
        ANALYZE "kgm_0".published_item;
    ELSE
        PERFORM kgmem.track_epoch(place, '{"published_item": ["epoch_graph", 0]}');
    END IF;
    EXECUTE format($text$UPDATE %I.publication SET changes = changes + 1
                         WHERE kind = 2 AND ended IS NULL AND copies <> '{}'$text$, place);
END
$migration$;
