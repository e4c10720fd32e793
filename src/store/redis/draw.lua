#!lua
-- Draws segments from the meter of one practice number, or says when there will be some. `domain/meter.rs` is the same
-- arithmetic, to the microsecond. The clock is this server's.
--
-- KEYS  1 meter, a hash: full_at, at, day_ends in microseconds since 1970, and spent in segments
-- ARGV  1 needed; 0 only looks, and writes nothing  2 wanted, from needed to 1000000
--       3 segments a minute, to 100000000  4 segments a day, or 0 where there is no limit
--       5 'kept' when the day's budget is kept to, 'overdrawn' when the draw only counts in it
--       6, 7, 8 the ends of yesterday, today and tomorrow as the caller sees them, in microseconds since 1970
-- Returns {verdict, granted, wait, full in, spent today, the end of the day, the time of the decision}: the verdict is
--         0 looked, 1 granted, 2 not before the wait is over, 3 the day is spent; times are in microseconds.

if #KEYS ~= 1 or #ARGV ~= 8 then return redis.error_reply('ASSENTARGS wrong number of keys or arguments') end
local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'hash' then
  return redis.error_reply('ASSENTTYPE key 1 is a ' .. found .. ' and not a hash')
end
local DRAWN_MAX, PER_MINUTE_MAX, MINUTE = 1000000, 100000000, 60000000
local numbers = {}
for index = 1, 8 do
  if index ~= 5 then
    local text = ARGV[index]
    if not text:find('^%d+$') or #text > 16 then return redis.error_reply('ASSENTARGS a number is none') end
    numbers[index] = tonumber(text)
  end
end
local needed, wanted, per_minute, per_day = numbers[1], numbers[2], numbers[3], numbers[4]
if wanted < needed or wanted > DRAWN_MAX or per_minute < 1 or per_minute > PER_MINUTE_MAX or per_day > 4294967295 then
  return redis.error_reply('ASSENTARGS a number is out of bounds')
end
if ARGV[5] ~= 'kept' and ARGV[5] ~= 'overdrawn' then return redis.error_reply('ASSENTARGS no such day budget') end

-- Every product below stays under 2^53, where a double is a whole number.
local function fill(segments) return math.floor((segments * MINUTE + per_minute - 1) / per_minute) end
local burst = math.max(math.floor(per_minute / 5), 1)
local burst_fill = fill(burst)

local kept = redis.call('HMGET', KEYS[1], 'full_at', 'at', 'day_ends', 'spent')
for index = 1, 4 do
  kept[index] = tonumber(kept[index] or '0')
  if not kept[index] then return redis.error_reply('ASSENTTYPE the meter holds what is not a number') end
end
local full_at, at, day_ends, spent = unpack(kept)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local ends = numbers[8]
for index = 8, 6, -1 do
  if numbers[index] > now then ends = numbers[index] end
end
if day_ends < ends or day_ends > numbers[8] then day_ends, spent = ends, 0 end
full_at = full_at - math.max(at - now, 0)

local left = per_day == 0 and 4294967295 or math.max(per_day - spent, 0)
local ready = full_at - burst_fill + fill(math.min(needed, burst))
local verdict, granted, wait = 0, 0, 0
if needed > 0 then
  if ARGV[5] == 'kept' and spent > 0 and needed > left then
    verdict = 3
  elseif ready > now then
    verdict, wait = 2, ready - now
  else
    local room = now + burst_fill - math.max(full_at, now)
    local of_bucket = math.floor(room * per_minute / MINUTE)
    verdict, granted = 1, math.max(math.min(wanted, of_bucket, left), needed)
    full_at = math.max(full_at, now) + fill(granted)
    spent = math.min(spent + granted, 4294967295)
  end
  local function text(number) return string.format('%.0f', number) end
  redis.call('HSET', KEYS[1], 'full_at', text(full_at), 'at', text(now), 'day_ends', text(day_ends), 'spent', text(spent))
end
return {verdict, granted, wait, math.max(full_at - now, 0), spent, day_ends, now}
