-- The digests stay: after a downgrade a repeated claim counts as new once.
DROP FUNCTION kgmem.claim_digest(integer, text, jsonb, text, text, real, text, integer, integer);
