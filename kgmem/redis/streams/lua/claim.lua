-- ARGV: group, who takes, who had, how long ago it was delivered at least, limit, lease.
if not open_group(ARGV[1]) then
    return {'group'}
end
local given, limit, idle = {}, tonumber(ARGV[5]), tonumber(ARGV[4])
for _, id in ipairs(call('ZRANGE', ORDER, 0, -1)) do
    local held = held_of(id)
    if held.c == ARGV[3] and held.d <= NOW - idle then
        local message = message_of(id)
        lease(id, held, ARGV[2], tonumber(ARGV[6]))
        if message then
            given[#given + 1] = shown(message, held)
        end
        if #given >= limit then
            break
        end
    end
end
return {'ok', given}
