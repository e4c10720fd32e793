#!lua
-- Puts a practice on the list of practices, behind those that are on it.
--
-- KEYS 1 practices   ARGV 1 practice

local found = redis.call('TYPE', KEYS[1]).ok
if found ~= 'none' and found ~= 'zset' then return redis.error_reply('ASSENTTYPE practices is a ' .. found) end
return redis.call('ZADD', KEYS[1], 'NX', redis.call('ZCARD', KEYS[1]), ARGV[1])
