#!lua
-- Marks a store in which nothing is as the copy of another, and founds it where there is none. From then on no daemon runs on it
-- until the copy is finished.
--
-- KEYS  1 meta  2 keys  3 copy  4 daemons  5 practices  6 numbers  7 numbers of practices  8 dead letters  9 audit
-- ARGV  1 store id, as it was found or to be founded  2 schema  3 id of the sealing key, or empty where there is a store
--       4 secret of the look-ups, sealed with it  5 microseconds after which a daemon counts as dead  6 a name of this call
--       7 store that is copied  8 its last commit, or empty  9 version of its records  10 its newest occurrence
--       11 what daemons remember of it
-- Returns 'begun', 'occupied', or 'alive' where a daemon runs on it.

if #KEYS ~= 9 or #ARGV ~= 11 then return redis.error_reply('ASSENTARGS wrong number of keys or arguments') end
for index = 1, 4 do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= 'hash' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
if redis.call('HGET', KEYS[3], 'begun_by') == ARGV[6] then return 'begun' end
if redis.call('EXISTS', KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]) > 0 then return 'occupied' end
local is_founded = redis.call('EXISTS', KEYS[1], KEYS[2]) > 0
if is_founded and (ARGV[3] ~= '' or redis.call('HGET', KEYS[1], 'store') ~= ARGV[1]) then return 'occupied' end
if not is_founded and ARGV[3] == '' then return redis.error_reply('ASSENTARGS there is no store to copy into') end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for index, sign in ipairs(redis.call('HVALS', KEYS[4])) do
  if now - tonumber(sign) <= tonumber(ARGV[5]) then return 'alive' end
end

if not is_founded then
  redis.call('HSET', KEYS[1], 'store', ARGV[1], 'schema', ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
redis.call('HSET', KEYS[3], 'begun_by', ARGV[6], 'store', ARGV[7], 'last_commit', ARGV[8], 'records', ARGV[9],
           'newest', ARGV[10], 'remembered', ARGV[11], 'kind', '', 'place', '', 'copier', 0, 'finished', 0)
return 'begun'
