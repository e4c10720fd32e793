#!lua flags=no-writes
-- Reads what happened in a practice after a place.
--
-- KEYS 1 totals  2 events; conversations are in their slot
-- ARGV 1 after this place  2 how many  3 prefix of the conversations' keys
-- Returns {newest place, oldest place that is kept, {place, look-up, kind, message's place, ends, …}}.

local newest = redis.call('HGET', KEYS[1], 'occurrences') or '0'
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
-- Where none is kept, everything up to the newest is gone.
local oldest = first and first[1]:match('^%d+') or string.format('%.0f', newest + 1)
local page = {}
local ends = {}
for _, occurrence in ipairs(redis.call('XRANGE', KEYS[2], '(' .. ARGV[1] .. '-0', '+', 'COUNT', tonumber(ARGV[2]))) do
  local fields = {}
  for index = 1, #occurrence[2], 2 do fields[occurrence[2][index]] = occurrence[2][index + 1] end
  ends[fields.c] = ends[fields.c] or redis.call('HGET', ARGV[3] .. fields.c, 'ends') or ''
  for _, value in ipairs({occurrence[1]:match('^%d+'), fields.c, fields.k, fields.s, ends[fields.c]}) do
    page[#page + 1] = value
  end
end
return {newest, oldest, page}
