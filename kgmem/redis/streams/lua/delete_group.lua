-- ARGV: group.
if not open_group(ARGV[1]) then
    return {'group'}
end
call('UNLINK', HELD, DUE, ORDER, KEYED, LEASED, AGAIN, DEAD, DEAD_ORDER, DIED)
call('HDEL', GROUPS, ARGV[1])
return {'ok'}
