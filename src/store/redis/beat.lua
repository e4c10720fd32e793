#!lua
-- A daemon's sign of life, which is also the proof that the store can be written.
--
-- One that was taken for dead meanwhile is told so by its own session ends: the others must not believe, because it lives
-- again, that what it answered before has arrived.
--
-- KEYS 1 meta  2 daemons  3 the daemon's session ends   ARGV 1 the daemon's boot, or empty to look only
-- 2 microseconds after which one is forgotten  3 microseconds after which it is taken for dead
-- 4 session ends that are kept  5 seconds after which they are forgotten
-- Returns {Redis' time in microseconds, store id, acceptances,
--          1 if a daemon noticed since the last of them that the store went back, {boot, last sign of life, …}}.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local daemons = redis.call('HGETALL', KEYS[2])
if ARGV[1] ~= '' then
  local before = tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or now)
  if now - before > tonumber(ARGV[3]) then
    -- In nanoseconds, which are more than a number here can count.
    redis.call('RPUSH', KEYS[3], string.format('%.0f000', before + ARGV[3]))
    redis.call('LTRIM', KEYS[3], -ARGV[4], -1)
    redis.call('EXPIRE', KEYS[3], ARGV[5])
  end
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.0f', now))
  for index = 1, #daemons, 2 do
    if now - tonumber(daemons[index + 1]) > tonumber(ARGV[2]) then redis.call('HDEL', KEYS[2], daemons[index]) end
  end
end
local store, accepted, went_back = unpack(redis.call('HMGET', KEYS[1], 'store', 'accepted', 'went_back'))
accepted = accepted or '0'
return {string.format('%.0f', now), store or '', accepted, went_back == accepted and 1 or 0, redis.call('HGETALL', KEYS[2])}
