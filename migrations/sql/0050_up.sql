-- How often names of scopes and sources were erased: what processes remember of names before is forgotten.
ALTER TABLE kgmem.graph ADD COLUMN names_erased integer NOT NULL DEFAULT 0;
-- Signed reports of erasures, without personal data. They stay when the graph is deleted.
CREATE TABLE kgmem.erasure_report (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id     text NOT NULL UNIQUE,
    graph  integer NOT NULL,
    name   text NOT NULL,                 -- of the graph
    at     timestamptz NOT NULL DEFAULT now(),
    signed jsonb NOT NULL
);
CREATE INDEX erasure_report_name ON kgmem.erasure_report (name, number);
