-- ARGV: numbers of messages that leave the stream with their deliveries and dead letters, whoever has them.
for place = 1, #ARGV do
    local at = tonumber(ARGV[place]) .. '-0'
    local entry = call('XRANGE', LOG, at, at)[1]
    if entry then
        local message = entry_of(entry)
        if message.i then
            call('HDEL', IDEM, message.i)
        end
        call('XDEL', LOG, at)
    end
end
for _, name in ipairs(call('HKEYS', GROUPS)) do
    open_group(name)
    for place = 1, #ARGV do
        local id = padded(ARGV[place])
        local held = held_of(id)
        if held then
            forget(id, held)
        end
        drop_dead(id)
    end
end
return {'ok', #ARGV}
