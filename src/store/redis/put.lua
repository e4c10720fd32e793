#!lua
-- Puts records of one practice, or removes them; all or none. A record that is replaced keeps its place.
--
-- KEYS 1 records  2 totals
-- ARGV 1 store id  2 schema  3 channel  4 number of records
--      then for each: look-up, sealed record (empty to remove it), news
-- Returns how often records of this practice were put or removed.

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
local count = tonumber(ARGV[4])
if not count or #ARGV ~= 4 + 3 * count then return redis.error_reply('ASSENTARGS wrong number of arguments') end
local store, schema = unpack(redis.call('HMGET', KEYS[2], 'store', 'schema'))
if store ~= ARGV[1] then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if schema ~= ARGV[2] then return redis.error_reply('ASSENTSCHEMA the store has another schema') end

for index = 1, count do
  local look_up, record = ARGV[2 + 3 * index], ARGV[3 + 3 * index]
  local old = redis.call('HGET', KEYS[1], look_up)
  if record ~= '' then
    local row = old and old:sub(1, 16) or string.format('%016x', redis.call('HINCRBY', KEYS[2], 'rows', 1))
    redis.call('HSET', KEYS[1], look_up, row .. record)
  elseif old then
    redis.call('HDEL', KEYS[1], look_up)
  end
end
local version = redis.call('HINCRBY', KEYS[2], 'records', count)
for index = 1, count do redis.call('PUBLISH', ARGV[3], ARGV[4 + 3 * index]) end
return version
