-- Dead letters of all groups that died before a time, some at once. ARGV: the time, how many.
local count = 0
for _, name in ipairs(call('HKEYS', GROUPS)) do
    open_group(name)
    for _, id in ipairs(call('ZRANGEBYSCORE', DIED, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
        drop_dead(id)
        count = count + 1
    end
end
return {'ok', count}
