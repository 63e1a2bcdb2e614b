-- ARGV: group, consumer, limit, lease, whether a new group begins at the oldest message, most groups, most held, most dead
-- letters, bytes of bodies after which no further message is taken.
local group, consumer, limit, leased_for = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local most_dead, most_bytes = tonumber(ARGV[8]), tonumber(ARGV[9])
local taken = open_group(group)
if not taken then
    if call('HLEN', GROUPS) >= tonumber(ARGV[6]) then
        return {'groups'}
    end
    taken = ARGV[5] == '1' and 0 or tonumber(call('HGET', META, 'last'))
    call('HSET', GROUPS, group, taken)
end
local given, bytes, looked_at = {}, 0, 0
local most_deliveries = tonumber(call('HGET', META, 'max_deliveries'))

local function give(message, held)
    given[#given + 1] = shown(message, held)
    bytes = bytes + #message.b
end

while #given < limit and bytes < most_bytes and looked_at < 2 * limit + 200 do
    local due = call('ZRANGEBYSCORE', DUE, '-inf', NOW, 'LIMIT', 0, math.min(limit - #given, 100))
    if #due == 0 then
        break
    end
    for _, id in ipairs(due) do
        looked_at = looked_at + 1
        local held = held_of(id)
        local leased = held.k and leased_of(held.k)
        if held.c and held.n >= most_deliveries then
            bury(id, held, most_dead)
        elseif held.k and (first_of(held.k) ~= id or (leased and leased ~= id)) then
            call('ZREM', DUE, id)  -- An earlier one of its key came back.
            promote(held.k)
        elseif bytes < most_bytes then
            local message = message_of(id)
            if message then
                lease(id, held, consumer, leased_for)
                give(message, held)
            else
                forget(id, held)  -- Somebody else has deleted it.
            end
        end
    end
end

local missing, held_already = limit - #given, call('ZCARD', ORDER)
local most_looked_at = math.min(math.max(4 * missing, 200), tonumber(ARGV[7]) - held_already)
looked_at = 0
local before = taken
while #given < limit and bytes < most_bytes and looked_at < most_looked_at do
    local entries = call('XRANGE', LOG, (taken + 1) .. '-0', '+', 'COUNT', math.min(limit - #given, 50))
    if #entries == 0 then
        break
    end
    for _, entry in ipairs(entries) do
        if looked_at >= most_looked_at or bytes >= most_bytes then
            break
        end
        local message = entry_of(entry)
        local free = not message.k or not first_of(message.k)
        local held = take_on(message.id, message.k)
        if free then
            lease(message.id, held, consumer, leased_for)
            give(message, held)
        end
        taken, looked_at = tonumber(message.id), looked_at + 1
    end
end
if taken ~= before then
    call('HSET', GROUPS, group, taken)
end
return {'ok', given}
