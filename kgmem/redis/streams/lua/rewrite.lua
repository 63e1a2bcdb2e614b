-- Rewrites the log, since a removed entry keeps its bytes until all around it are gone. ARGV: number behind which to begin,
-- 0 at first, and how many to copy. Returns the number behind which to go on; 0 at the end.
local copy = P .. ':copy'
if ARGV[1] == '0' then
    call('UNLINK', copy)
end
local entries = call('XRANGE', LOG, '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])
local at = 0
for _, entry in ipairs(entries) do
    call('XADD', copy, entry[1], unpack(entry[2]))
    at = tonumber(string.match(entry[1], '^%d+'))
end
if #entries == tonumber(ARGV[2]) then
    return {'ok', at}
end
if call('EXISTS', copy) == 1 then
    call('RENAME', copy, LOG)
else
    call('UNLINK', LOG)
end
return {'ok', 0}
