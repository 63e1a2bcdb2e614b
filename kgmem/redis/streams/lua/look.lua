-- Returns the newest number, the oldest that is kept, and of each group its name, and how many it has taken, holds and has
-- given up.
local groups, names = {}, call('HGETALL', GROUPS)
for place = 1, #names, 2 do
    open_group(names[place])
    groups[#groups + 1] = {names[place], tonumber(names[place + 1]), call('ZCARD', ORDER), call('ZCARD', DEAD_ORDER)}
end
local last = tonumber(call('HGET', META, 'last'))
local first = call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
return {'ok', last, first and tonumber(string.match(first[1], '^%d+')) or last + 1, groups}
