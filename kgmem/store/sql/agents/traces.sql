-- Where texts are, in any table of a graph and of the server.

-- name: tables
-- Tables of schemas ($1) that have columns with text, and their pages of 8 kB.
SELECT n.nspname::text AS schema, c.relname::text AS table,
       (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::bigint AS pages
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY ($1::text[])
  AND EXISTS (SELECT FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND (y.typcategory = 'S' OR y.typname IN ('json', 'jsonb', 'agtype', '_text', '_varchar', '_jsonb', 'xml')))
ORDER BY 1, 2

-- name: count
-- Rows from one page on up to another that have one of some texts, in any letters.
SELECT count(*) FROM ONLY {schema}.{table} t
WHERE t.ctid >= $2::tid AND t.ctid < $3::tid
  AND EXISTS (SELECT FROM unnest($1::text[]) AS s (text) WHERE strpos(lower(t::text), lower(s.text)) > 0)
