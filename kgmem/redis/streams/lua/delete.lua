-- KEYS[2] the set of all streams. ARGV: name in that set.
for _, name in ipairs(call('HKEYS', GROUPS)) do
    open_group(name)
    call('UNLINK', HELD, DUE, ORDER, KEYED, LEASED, AGAIN, DEAD, DEAD_ORDER, DIED)
end
call('UNLINK', META, LOG, IDEM, GROUPS, P .. ':copy')
call('SREM', KEYS[2], ARGV[1])
return {'ok'}
