#!lua
-- Says how far a copy has come. Only the last copier may, and only on from what it knows: whoever starts to write takes over from
-- the one before.
--
-- KEYS 1 copy
-- ARGV 1 the copier's number, or empty to become the last  2, 3 kind and place that are reached, as the copier knows
--      then names and values that are so from here on
-- Returns the copier's number; 0 when another one has come further, or has come later.

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'hash' then return redis.error_reply('ASSENTTYPE key 1 is a ' .. found .. ' and not a hash') end
if #ARGV < 3 or #ARGV % 2 ~= 1 then return redis.error_reply('ASSENTARGS wrong number of arguments') end
local copier, kind, place, finished = unpack(redis.call('HMGET', KEYS[1], 'copier', 'kind', 'place', 'finished'))
if ARGV[1] ~= '' and ARGV[1] ~= copier then return 0 end

-- The answer to the same call may have been lost.
local is_said = ARGV[1] ~= ''
for index = 4, #ARGV, 2 do
  is_said = is_said and redis.call('HGET', KEYS[1], ARGV[index]) == ARGV[index + 1]
end
if is_said then return tonumber(copier) end
if finished ~= '0' or kind ~= ARGV[2] or place ~= ARGV[3] then return 0 end

if ARGV[1] == '' then copier = redis.call('HINCRBY', KEYS[1], 'copier', 1) end
for index = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
return tonumber(copier)
