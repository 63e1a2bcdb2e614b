-- ARGV: max_length, max_age, number behind which to begin, how many to look at. An empty text: as the settings say.
-- Returns how many were removed, and the number behind which to go on; 0 at the end.
local settings = call('HMGET', META, 'last', 'max_length', 'max_age')
local shortest = tonumber(settings[1]) - tonumber(ARGV[1] ~= '' and ARGV[1] or settings[2])
local oldest = NOW - 1000 * tonumber(ARGV[2] ~= '' and ARGV[2] or settings[3])
local needed = math.huge
local names, groups = call('HGETALL', GROUPS), {}
for place = 1, #names, 2 do
    needed = math.min(needed, tonumber(names[place + 1]))
    groups[#groups + 1] = P .. ':group:' .. names[place] .. ':held'
end
local removed, looked_at, at = 0, 0, tonumber(ARGV[3])
while looked_at < tonumber(ARGV[4]) do
    local entries = call('XRANGE', LOG, (at + 1) .. '-0', '+', 'COUNT', 20)
    if #entries == 0 then
        return {'ok', removed, 0}
    end
    for _, entry in ipairs(entries) do
        local message = entry_of(entry)
        at, looked_at = tonumber(message.id), looked_at + 1
        if at > needed or (at > shortest and tonumber(message.t) >= oldest) then
            return {'ok', removed, 0}
        end
        local pending = false
        for _, held in ipairs(groups) do
            pending = pending or call('HEXISTS', held, message.id) == 1
        end
        if not pending then
            call('XDEL', LOG, entry[1])
            if message.i then
                call('HDEL', IDEM, message.i)
            end
            removed = removed + 1
        end
    end
end
return {'ok', removed, at}
