#!lua
-- Founds a store where there is none; two daemons that do so at once find the same one.
--
-- KEYS 1 meta  2 keys  3 copy   ARGV 1 store id, or empty to look only  2 schema  3 id of the sealing key  4 secret of the look-ups, sealed with it
-- Returns {store id, schema, acceptances, {key id, secret of the look-ups sealed with it, …},
--          {name, value, … of the mark of a copy, if it is or was one}}.

for _, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE ' .. key .. ' is a ' .. found) end
end
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('HSET', KEYS[1], 'store', ARGV[1], 'schema', ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
local store, schema, accepted = unpack(redis.call('HMGET', KEYS[1], 'store', 'schema', 'accepted'))
return {store or '', schema or '', accepted or '0', redis.call('HGETALL', KEYS[2]), redis.call('HGETALL', KEYS[3])}
