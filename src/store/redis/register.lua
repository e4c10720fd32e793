#!lua
-- Makes a practice's totals, where there are none, and says whose they are.
--
-- KEYS 1 totals   ARGV 1 store id  2 schema
-- Returns {store id, schema} as they stand.

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE totals is a ' .. found) end
if found == 'none' then redis.call('HSET', KEYS[1], 'store', ARGV[1], 'schema', ARGV[2]) end
return redis.call('HMGET', KEYS[1], 'store', 'schema')
