-- ARGV: most messages, author, then body, key and idempotency key of each.
local count = (#ARGV - 2) / 3
local length = call('XLEN', LOG)
if length + count > tonumber(ARGV[1]) then
    return {'full', length}
end
local ids, fresh = {}, {}
local last = tonumber(call('HGET', META, 'last'))
for place = 3, #ARGV, 3 do
    local body, key, idem = ARGV[place], ARGV[place + 1], ARGV[place + 2]
    local known = idem ~= '' and call('HGET', IDEM, idem)
    if known then
        local message = message_of(padded(known))
        if not message or message.b ~= body or (message.k or '') ~= key then
            return {'conflict', idem, tonumber(known)}
        end
        ids[#ids + 1] = tonumber(known)
    else
        fresh[#fresh + 1] = place
        ids[#ids + 1] = last + #fresh
    end
end
for number, place in ipairs(fresh) do
    local seq, fields = last + number, {'b', ARGV[place], 't', NOW}
    for name, value in pairs({k = ARGV[place + 1], a = ARGV[2], i = ARGV[place + 2]}) do
        if value ~= '' then
            fields[#fields + 1] = name
            fields[#fields + 1] = value
        end
    end
    call('XADD', LOG, seq .. '-0', unpack(fields))
    if ARGV[place + 2] ~= '' then
        call('HSET', IDEM, ARGV[place + 2], seq)
    end
end
if #fresh > 0 then
    call('HSET', META, 'last', last + #fresh)
end
return {'ok', count - #fresh, last, last + #fresh, ids}
