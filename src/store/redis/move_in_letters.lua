#!lua
-- Takes in a part of a page of dead letters of another store; what of it is there already stays as it is.
--
-- KEYS 1 copy  2 dead letters
-- ARGV 1 the copier's number  2 where the page begins  3 letters of the page before these  4 letters in the page
--      then the letters
-- Returns 1; 0 when a later copier has begun.

for index, expected in ipairs({'hash', 'list'}) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found .. ' and not a ' .. expected)
  end
end
local first, whole = tonumber(ARGV[3] or ''), tonumber(ARGV[4] or '')
if not first or not whole then return redis.error_reply('ASSENTARGS a number is none') end
local copier, from, count = unpack(redis.call('HMGET', KEYS[1], 'copier', 'letters_from', 'letters_count'))
if copier ~= ARGV[1] then return 0 end
local there = from == ARGV[2] and tonumber(count) or 0
if there > whole or first > there then return redis.error_reply('ASSENTARGS the page is not the one that was begun') end

for index = there - first + 1, #ARGV - 4 do redis.call('RPUSH', KEYS[2], ARGV[4 + index]) end
redis.call('HSET', KEYS[1], 'letters_from', ARGV[2], 'letters_count', math.max(there, first + #ARGV - 4))
return 1
