-- ARGV: number behind which to begin, limit.
local found = {}
for _, entry in ipairs(call('XRANGE', LOG, '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[2])) do
    found[#found + 1] = shown(entry_of(entry))
end
return {'ok', found}
