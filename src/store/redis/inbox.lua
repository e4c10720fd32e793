#!lua flags=no-writes
-- Reads a page of the inbox, newest first: conversations and their last messages as of one moment.
--
-- KEYS 1 inbox read  2 inbox unread; conversations and threads are in their slot
-- ARGV 1 'all', 'read' or 'unread'  2 before this place, or empty  3 how many
--      4 prefix of the conversations' keys  5 prefix of the threads' keys
-- Returns {look-up, place, id, version, operation, snapshot, unread, last, its fixed part, its state, …}, ten apiece.

local before = ARGV[2] ~= '' and '(' .. ARGV[2] or '+'
local limit = tonumber(ARGV[3])
local function page(key) return redis.call('ZREVRANGEBYLEX', key, before, '-', 'LIMIT', 0, limit) end
local places = {}
if ARGV[1] ~= 'unread' then places = page(KEYS[1]) end
if ARGV[1] ~= 'read' then
  for _, place in ipairs(page(KEYS[2])) do places[#places + 1] = place end
end
table.sort(places, function(one, other) return one > other end)

local rows = {}
for index = 1, math.min(#places, limit) do
  local place = places[index]
  local look_up = place:sub(33)
  local found = redis.call('HMGET', ARGV[4] .. look_up, 'id', 'version', 'operation', 'snapshot', 'unread', 'last')
  local message = redis.call('HMGET', ARGV[5] .. look_up, found[6] or '', (found[6] or '') .. 's')
  for _, value in ipairs({look_up, place:sub(1, 32), found[1] or '', found[2] or '', found[3] or '', found[4] or '',
                          found[5] or '', found[6] or '', message[1] or '', message[2] or ''}) do
    rows[#rows + 1] = value
  end
end
return rows
