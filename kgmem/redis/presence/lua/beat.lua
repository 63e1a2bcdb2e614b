-- KEYS[1] begins all keys of a graph's presence, KEYS[2] is the channel. ARGV: scope and agent with a NUL between, the scope
-- with a NUL behind it, whether what the agent reported stays, milliseconds, most agents, what to publish, author, session,
-- status, context.
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local names, ends, at = KEYS[1] .. ':names', KEYS[1] .. ':until', KEYS[1] .. ':agent:' .. ARGV[1]
for _, gone in ipairs(call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 100)) do
    call('ZREM', names, gone)
    call('ZREM', ends, gone)
end
local old = call('HMGET', at, 'since', 'until', 'session', 'status', 'context')
local present = old[1] and tonumber(old[2]) > now
if not present and call('ZLEXCOUNT', names, '[' .. ARGV[2], '[' .. ARGV[2] .. '\255') >= tonumber(ARGV[5]) then
    return 0
end
local session, status, context, till = ARGV[8], ARGV[9], ARGV[10], now + tonumber(ARGV[4])
if ARGV[3] == '1' and present then
    status, context, till = old[4], old[5], math.max(till, tonumber(old[2]))
end
local changed = not present or old[3] ~= session or old[4] ~= status or old[5] ~= context
call('HSET', at, 'since', present and old[1] or now, 'seen', now, 'until', till, 'author', ARGV[7], 'session', session,
     'status', status, 'context', context)
call('PEXPIREAT', at, till)
call('ZADD', names, 0, ARGV[1])
call('ZADD', ends, till, ARGV[1])
call('EXPIRE', names, 7200)
call('EXPIRE', ends, 7200)
if changed then
    call('PUBLISH', KEYS[2], ARGV[6])
end
return 1
