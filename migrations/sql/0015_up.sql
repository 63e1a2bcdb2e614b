-- The recipe that counts for the questions of a graph which name none.
ALTER TABLE kgmem.graph ADD COLUMN recipe text;
DO $$
BEGIN
    IF to_regclass('kgmem.parked_graph_recipe') IS NOT NULL THEN
        UPDATE kgmem.graph g SET recipe = p.recipe FROM kgmem.parked_graph_recipe p WHERE p.id = g.id;
        DROP TABLE kgmem.parked_graph_recipe;
    END IF;
END
$$;
