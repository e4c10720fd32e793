#!lua
-- Keeps the post of a webhook, if nobody else wrote it since it was read; or removes it.
--
-- KEYS 1 posts: by look-up, 16 digits of the version and the sealed post  2 totals
-- ARGV 1 store id  2 schema  3 look-up  4 expected version, 0 where there is none  5 sealed post; empty to remove it
-- Returns 1 when it is as asked, 0 when somebody else wrote it.

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
if #KEYS ~= 2 or #ARGV ~= 5 or not ARGV[4]:find('^%d+$') or #ARGV[3] ~= 32 then
  return redis.error_reply('ASSENTARGS wrong keys or arguments')
end
local store, schema = unpack(redis.call('HMGET', KEYS[2], 'store', 'schema'))
if store ~= ARGV[1] then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if schema ~= ARGV[2] then return redis.error_reply('ASSENTSCHEMA the store has another schema') end

if ARGV[5] == '' then
  redis.call('HDEL', KEYS[1], ARGV[3])
  return 1
end
local old = redis.call('HGET', KEYS[1], ARGV[3])
local version = old and tonumber(old:sub(1, 16)) or 0
local next = string.format('%016.0f', tonumber(ARGV[4]) + 1)
-- One that comes twice, because its first answer was lost, is the same octets.
if old == next .. ARGV[5] then return 1 end
if version ~= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], next .. ARGV[5])
return 1
