#!lua
-- Seals lines of the evidence ledger of a practice, if nobody did since they were read and they are still there.
--
-- KEYS  1 ledger  2 seals
-- ARGV  1 lines that were sealed when these were read  2 the last of the lines that are sealed, as it was read
--       then the seals
-- Returns 1; 0 when the ledger is not what it was.

for index = 1, 2 do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= 'list' then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found) end
end
local sealed = tonumber(ARGV[1] or '')
if not sealed or #ARGV < 3 then return redis.error_reply('ASSENTARGS there is nothing to seal') end
if redis.call('LLEN', KEYS[2]) ~= sealed then return 0 end
if redis.call('LINDEX', KEYS[1], sealed + #ARGV - 3) ~= ARGV[2] then return 0 end

for index = 3, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[index]) end
return 1
