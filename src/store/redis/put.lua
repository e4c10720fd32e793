#!lua
-- Puts records of one practice, or removes them; all or none. A record that is replaced keeps its place. One that is to
-- be put over what was found is put over nothing else.
--
-- KEYS 1 records  2 totals
-- ARGV 1 store id  2 schema  3 channel  4 number of records
--      then for each: look-up, sealed record (empty to remove it), news,
--      what is to be there ('*' whatever is, '=' nothing, '=' and a sealed record that one)
-- Returns 1, or 0 if something else is there and nothing was changed.

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
local count = tonumber(ARGV[4])
if not count or #ARGV ~= 4 + 4 * count then return redis.error_reply('ASSENTARGS wrong number of arguments') end
local store, schema = unpack(redis.call('HMGET', KEYS[2], 'store', 'schema'))
if store ~= ARGV[1] then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if schema ~= ARGV[2] then return redis.error_reply('ASSENTSCHEMA the store has another schema') end

for index = 1, count do
  local look_up, record, over = ARGV[1 + 4 * index], ARGV[2 + 4 * index], ARGV[4 + 4 * index]
  if over ~= '*' then
    local old = redis.call('HGET', KEYS[1], look_up)
    local there = old and old:sub(17) or ''
    -- No two seals are the same: what is there is an earlier try of this very put.
    if record ~= '' and there == record then return 1 end
    if '=' .. there ~= over then return 0 end
  end
end
for index = 1, count do
  local look_up, record = ARGV[1 + 4 * index], ARGV[2 + 4 * index]
  local old = redis.call('HGET', KEYS[1], look_up)
  if record ~= '' then
    local row = old and old:sub(1, 16) or string.format('%016x', redis.call('HINCRBY', KEYS[2], 'rows', 1))
    redis.call('HSET', KEYS[1], look_up, row .. record)
  elseif old then
    redis.call('HDEL', KEYS[1], look_up)
  end
end
redis.call('HINCRBY', KEYS[2], 'records', count)
for index = 1, count do redis.call('PUBLISH', ARGV[3], ARGV[3 + 4 * index]) end
return 1
