#!lua
-- Claims a number for a practice, unless either is taken: both claims are made, or none.
--
-- KEYS 1 numbers  2 numbers of practices   ARGV 1 number  2 practice
-- Returns {the practice that has the number, the number that the practice has}, as they stand then.

for index, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
local owner, kept = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[2])
if not owner and not kept then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[1])
  owner, kept = ARGV[2], ARGV[1]
end
return {owner or '', kept or ARGV[1]}
