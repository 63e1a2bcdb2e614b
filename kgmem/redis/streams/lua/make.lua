-- Not behind the prelude: it makes what that looks for. KEYS[1] the stream, KEYS[2] the set of all streams.
-- ARGV: name in that set, max_length, max_age, max_deliveries.
local meta = KEYS[1] .. ':meta'
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSETNX', meta, 'last', 0)
redis.call('HSET', meta, 'max_length', ARGV[2], 'max_age', ARGV[3], 'max_deliveries', ARGV[4])
return {'ok'}
