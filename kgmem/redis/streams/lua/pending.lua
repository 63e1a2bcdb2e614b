-- ARGV: group, number behind which to begin, limit.
if not open_group(ARGV[1]) then
    return {'group'}
end
local found = {}
for _, id in ipairs(call('ZRANGEBYSCORE', ORDER, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])) do
    local held = held_of(id)
    found[#found + 1] = {tonumber(id), held.k or '', held.c or '', held.n, held.d or 0, held.u or 0, held.r or ''}
end
return {'ok', found}
