#!lua
-- Keeps a dead letter; the oldest go when there are too many.
--
-- KEYS 1 dead letters   ARGV 1 letter  2 letters that are kept
-- Returns how many went.

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'list' then return redis.error_reply('ASSENTTYPE dead letters is a ' .. found) end
local kept = tonumber(ARGV[2])
local dropped = redis.call('RPUSH', KEYS[1], ARGV[1]) - kept
if dropped > 0 then redis.call('LTRIM', KEYS[1], -kept, -1) end
return math.max(dropped, 0)
