-- ARGV: max_length, max_age, max_deliveries.
call('HSET', META, 'max_length', ARGV[1], 'max_age', ARGV[2], 'max_deliveries', ARGV[3])
return {'ok'}
