#!lua
-- Gives segments back to the meter of one practice number that were drawn and will not be used. Call it once at the most:
-- twice would give back twice. A call whose answer was lost is not made again.
--
-- KEYS  1 meter, as in draw.lua
-- ARGV  1 segments, from 1 to 1000000  2 segments a minute
--       3 the end of the day of which they were drawn, in microseconds since 1970, as draw.lua told it
-- Returns 1; or 0 where there is no meter, and nothing to give back to.

if #KEYS ~= 1 or #ARGV ~= 3 then return redis.error_reply('ASSENTARGS wrong number of keys or arguments') end
local found = redis.call('TYPE', KEYS[1]).ok
if found == 'none' then return 0 end
if found ~= 'hash' then return redis.error_reply('ASSENTTYPE key 1 is a ' .. found .. ' and not a hash') end
for index = 1, 3 do
  if not ARGV[index]:find('^%d+$') or #ARGV[index] > 16 then return redis.error_reply('ASSENTARGS a number is none') end
end
local segments, per_minute, day_ends = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if segments < 1 or segments > 1000000 or per_minute < 1 or per_minute > 100000000 then
  return redis.error_reply('ASSENTARGS a number is out of bounds')
end
local kept = redis.call('HMGET', KEYS[1], 'full_at', 'day_ends', 'spent')
for index = 1, 3 do
  kept[index] = tonumber(kept[index] or '')
  if not kept[index] then return redis.error_reply('ASSENTTYPE the meter holds what is not a number') end
end
local full_at, of_day, spent = unpack(kept)

full_at = full_at - math.floor(segments * 60000000 / per_minute)
if of_day == day_ends then spent = math.max(spent - segments, 0) end
redis.call('HSET', KEYS[1], 'full_at', string.format('%.0f', full_at), 'spent', string.format('%.0f', spent))
return 1
