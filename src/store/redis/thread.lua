#!lua flags=no-writes
-- Reads messages of a thread, newest first.
--
-- KEYS 1 conversation  2 thread   ARGV 1 before this place, or empty for the end  2 how many
-- Returns {conversation id, {place, fixed, state, …}}; {} where there is no conversation.

local id, last = unpack(redis.call('HMGET', KEYS[1], 'id', 'last'))
if not id then return {} end
local newest = tonumber(last ~= '' and last or '0')
if ARGV[1] ~= '' then newest = math.min(newest, tonumber(ARGV[1]) - 1) end
local messages = {}
for place = newest, math.max(newest - tonumber(ARGV[2]) + 1, 1), -1 do
  local name = string.format('%.0f', place)
  local fixed, state = unpack(redis.call('HMGET', KEYS[2], name, name .. 's'))
  if fixed then
    messages[#messages + 1] = name
    messages[#messages + 1] = fixed
    messages[#messages + 1] = state or ''
  end
end
return {id, messages}
