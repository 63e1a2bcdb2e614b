-- What all scripts of work streams share. KEYS[1] begins all keys of the stream. What a group has taken and not acknowledged
-- is in `held` by the number of the message, padded: k key, c consumer (none: it waits), n deliveries, d when it was
-- delivered, u when its lease or delay ends, r reason. `due` has what may be delivered at a time: messages without a key,
-- and of each key the first one. Times are milliseconds.
local P = KEYS[1]
local META, LOG, IDEM, GROUPS = P .. ':meta', P .. ':log', P .. ':idem', P .. ':groups'
local call = redis.call
local clock = call('TIME')
local NOW = clock[1] * 1000 + math.floor(clock[2] / 1000)
local HELD, DUE, ORDER, KEYED, LEASED, AGAIN, DEAD, DEAD_ORDER, DIED

if call('EXISTS', META) == 0 then
    return {'lost'}
end

local function padded(seq)
    return string.format('%016d', tonumber(seq))
end

local function open_group(name)
    local at = P .. ':group:' .. name
    HELD, DUE, ORDER, KEYED, LEASED = at .. ':held', at .. ':due', at .. ':order', at .. ':keyed', at .. ':leased'
    AGAIN, DEAD, DEAD_ORDER, DIED = at .. ':again', at .. ':dead', at .. ':dead-order', at .. ':died'
    local taken = call('HGET', GROUPS, name)
    return taken and tonumber(taken)
end

local function entry_of(entry)
    local fields, message = entry[2], {id = padded(string.match(entry[1], '^%d+'))}
    for place = 1, #fields, 2 do
        message[fields[place]] = fields[place + 1]
    end
    return message
end

local function message_of(id)
    local found = call('XRANGE', LOG, tonumber(id) .. '-0', tonumber(id) .. '-0')
    if found[1] then
        return entry_of(found[1])
    end
    local again = AGAIN and call('HGET', AGAIN, id)  -- A dead letter that was replayed after the stream was trimmed.
    return again and cmsgpack.unpack(again)
end

local function held_of(id)
    local packed = call('HGET', HELD, id)
    return packed and cmsgpack.unpack(packed)
end

local function hold(id, held)
    call('HSET', HELD, id, cmsgpack.pack(held))
end

local function first_of(key)
    local found = call('ZRANGEBYLEX', KEYED, '[' .. key .. '\0', '[' .. key .. '\0\255', 'LIMIT', 0, 1)
    return found[1] and string.sub(found[1], -16)
end

local function leased_of(key)
    local id = call('HGET', LEASED, key)
    local held = id and held_of(id)
    return held and held.c and held.u > NOW and id
end

-- Let the first message of a key be delivered, unless one of the key is leased.
local function promote(key)
    local id = first_of(key)
    if id and not leased_of(key) and not call('ZSCORE', DUE, id) then
        call('ZADD', DUE, held_of(id).u or 0, id)
    end
end

local function take_on(id, key)
    local held = {k = key, n = 0}
    hold(id, held)
    call('ZADD', ORDER, tonumber(id), id)
    if key then
        call('ZADD', KEYED, 0, key .. '\0' .. id)
    end
    return held
end

local function lease(id, held, consumer, milliseconds)
    held.c, held.n, held.d, held.u = consumer, held.n + 1, NOW, NOW + milliseconds
    hold(id, held)
    call('ZADD', DUE, held.u, id)
    if held.k then
        call('HSET', LEASED, held.k, id)
    end
end

local function unlease(id, held)
    if held.k and call('HGET', LEASED, held.k) == id then
        call('HDEL', LEASED, held.k)
    end
end

local function forget(id, held)
    call('HDEL', HELD, id)
    call('HDEL', AGAIN, id)
    call('ZREM', DUE, id)
    call('ZREM', ORDER, id)
    unlease(id, held)
    if held.k then
        call('ZREM', KEYED, held.k .. '\0' .. id)
        promote(held.k)
    end
end

local function drop_dead(id)
    call('HDEL', DEAD, id)
    call('ZREM', DEAD_ORDER, id)
    call('ZREM', DIED, id)
end

local function bury(id, held, most)
    local message = message_of(id)
    if message then
        message.n, message.r, message.died = held.n, held.r or 'No consumer acknowledged it.', NOW
        call('HSET', DEAD, id, cmsgpack.pack(message))
        call('ZADD', DEAD_ORDER, tonumber(id), id)
        call('ZADD', DIED, NOW, id)
        if call('ZCARD', DEAD_ORDER) > most then
            drop_dead(call('ZRANGE', DEAD_ORDER, 0, 0)[1])
        end
    end
    forget(id, held)
end

-- An absent text is an empty one: a list that is returned ends at its first nil.
local function shown(message, held)
    return {tonumber(message.id), message.k or '', message.b, tonumber(message.t), message.a or '', held and held.n or 0,
            held and held.u or 0}
end
