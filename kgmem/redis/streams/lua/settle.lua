-- ARGV: group, acknowledge, extend or release, seconds of the lease or the delay, reason, whether to give up, most dead
-- letters, then number and delivery of each receipt.
local what, milliseconds, reason, dead = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5] == '1'
if not open_group(ARGV[1]) then
    return {'group'}
end
local settled = {}
local most_deliveries = tonumber(call('HGET', META, 'max_deliveries'))
for place = 7, #ARGV, 2 do
    local id = padded(ARGV[place])
    local held = held_of(id)
    if held and held.c and held.n == tonumber(ARGV[place + 1]) then
        settled[#settled + 1] = tonumber(id)
        if what == 'acknowledge' then
            forget(id, held)
        elseif what == 'extend' then
            held.u = NOW + milliseconds
            hold(id, held)
            call('ZADD', DUE, held.u, id)
            if held.k then
                call('HSET', LEASED, held.k, id)
            end
        else
            held.r = reason ~= '' and reason or held.r
            if dead or held.n >= most_deliveries then
                bury(id, held, tonumber(ARGV[6]))
            else
                held.c, held.u = nil, NOW + milliseconds
                hold(id, held)
                unlease(id, held)
                if not held.k or first_of(held.k) == id then
                    call('ZADD', DUE, held.u, id)
                else
                    call('ZREM', DUE, id)
                    promote(held.k)
                end
            end
        end
    end
end
return {'ok', settled}
