-- ARGV: group, replay or discard, then numbers.
if not open_group(ARGV[1]) then
    return {'group'}
end
local count = 0
for place = 3, #ARGV do
    local id = padded(ARGV[place])
    local packed = call('HGET', DEAD, id)
    if packed then
        count = count + 1
        drop_dead(id)
        if ARGV[2] == 'replay' and not held_of(id) then
            local message = cmsgpack.unpack(packed)
            message.n, message.r, message.died = nil, nil, nil
            if #call('XRANGE', LOG, tonumber(id) .. '-0', tonumber(id) .. '-0') == 0 then
                call('HSET', AGAIN, id, cmsgpack.pack(message))
            end
            take_on(id, message.k)
            if message.k then
                promote(message.k)
            else
                call('ZADD', DUE, 0, id)
            end
        end
    end
end
return {'ok', count}
