-- ARGV: group, then number, consumer and reason of what it has taken.
if not open_group(ARGV[1]) then
    return {'group'}
end
local count = 0
for place = 2, #ARGV, 3 do
    local id = padded(ARGV[place])
    local held = held_of(id)
    if held then
        held.c = held.c and ARGV[place + 1]
        held.r = held.r and ARGV[place + 2]
        hold(id, held)
        count = count + 1
    end
end
return {'ok', count}
