#!lua flags=no-writes
-- Reads a part of the inbox, newest first: conversations and their last messages as of one moment.
--
-- KEYS the lists that are walked through, the lists that a conversation must be in, those that it must not be in;
--      conversations and threads are in their slot
-- ARGV 1 how many lists are walked through  2 how many it must be in  3 before this place, or empty  4 how many
--      5 places that are looked at  6 prefix of the conversations' keys  7 prefix of the threads' keys
-- Returns {place where the look was cut short, or empty,
--          {look-up, place, id, version, operation, snapshot, unread, last, its fixed part, its state, …}}, ten apiece.

local walked, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local limit, looks_max = tonumber(ARGV[4]), tonumber(ARGV[5])
-- How many places of a list are read together: as many as are asked for, where every one of them fits.
local CHUNK = #KEYS == walked and limit or 200

local function fits(place)
  for index = walked + 1, #KEYS do
    local is_in = redis.call('ZSCORE', KEYS[index], place) ~= false
    if is_in ~= (index <= walked + wanted) then return false end
  end
  return true
end

-- The next places of all lists together: of as many of each list the first so many of all are among them.
local function after(place)
  local before = place ~= '' and '(' .. place or '+'
  local places = {}
  for index = 1, walked do
    for _, found in ipairs(redis.call('ZREVRANGEBYLEX', KEYS[index], before, '-', 'LIMIT', 0, CHUNK)) do
      places[#places + 1] = found
    end
  end
  table.sort(places, function(one, other) return one > other end)
  return places
end

local rows, found, looks, last, cut = {}, 0, 0, ARGV[3], ''
local function take(place)
  local look_up = place:sub(33)
  local fields = redis.call('HMGET', ARGV[6] .. look_up, 'id', 'version', 'operation', 'snapshot', 'unread', 'last', 'active')
  -- What an earlier version wrote may stand where it was before.
  if fields[7] ~= place:sub(1, 16) then return end
  local message = redis.call('HMGET', ARGV[7] .. look_up, fields[6] or '', (fields[6] or '') .. 's')
  for _, value in ipairs({look_up, place:sub(1, 32), fields[1] or '', fields[2] or '', fields[3] or '', fields[4] or '',
                          fields[5] or '', fields[6] or '', message[1] or '', message[2] or ''}) do
    rows[#rows + 1] = value
  end
  found = found + 1
end

while found < limit do
  local places = after(last)
  if #places == 0 then break end
  for index = 1, math.min(#places, CHUNK) do
    if looks == looks_max then
      cut = last
      break
    end
    looks, last = looks + 1, places[index]
    if fits(last) then take(last) end
    if found == limit then break end
  end
  if cut ~= '' then break end
end
return {cut:sub(1, 32), rows}
