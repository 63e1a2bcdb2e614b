-- Restore the former name.
ALTER TABLE kgmem.import_relationship RENAME COLUMN parallel_edge_hash TO discriminator;

-- The constraint NOT NULL has a name from Postgres 18 on.
DO $migration$
BEGIN
    IF EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'kgmem.import_relationship'::regclass
               AND conname = 'import_relationship_parallel_edge_hash_not_null') THEN
        ALTER TABLE kgmem.import_relationship RENAME CONSTRAINT import_relationship_parallel_edge_hash_not_null
            TO import_relationship_discriminator_not_null;
    END IF;
END
$migration$;
