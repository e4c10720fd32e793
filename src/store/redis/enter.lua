#!lua
-- Enters something into the audit of a practice, behind everything that was entered before.
--
-- KEYS 1 audit  2 totals
-- ARGV 1 store id  2 schema  3 the entry, sealed
-- Returns how many there are.

for index, expected in ipairs({'list', 'hash'}) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= expected then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
if #ARGV ~= 3 or ARGV[3] == '' then return redis.error_reply('ASSENTARGS wrong number of arguments') end
local store, schema = unpack(redis.call('HMGET', KEYS[2], 'store', 'schema'))
if store ~= ARGV[1] then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if schema ~= ARGV[2] then return redis.error_reply('ASSENTSCHEMA the store has another schema') end

return redis.call('RPUSH', KEYS[1], ARGV[3])
