-- ARGV: group, number behind which to begin, limit.
if not open_group(ARGV[1]) then
    return {'group'}
end
local found = {}
for _, id in ipairs(call('ZRANGEBYSCORE', DEAD_ORDER, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])) do
    local dead = cmsgpack.unpack(call('HGET', DEAD, id))
    found[#found + 1] = {tonumber(id), dead.k or '', dead.b, dead.n, dead.r, dead.died}
end
return {'ok', found}
