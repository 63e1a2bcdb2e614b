-- Not behind the prelude: KEYS[1] is a hash of packed values. ARGV: cursor, count. Returns the next cursor, and of each field
-- its name and the texts in its value.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found = {}
for place = 1, #page[2], 2 do
    local texts = {page[2][place]}
    local good, value = pcall(cmsgpack.unpack, page[2][place + 1])
    if good and type(value) == 'table' then
        for _, each in pairs(value) do
            if type(each) == 'string' then
                texts[#texts + 1] = each
            end
        end
    else
        texts[#texts + 1] = page[2][place + 1]
    end
    found[#found + 1] = texts
end
return {'ok', page[1], found}
