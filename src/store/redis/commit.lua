#!lua
-- Makes one decision about one conversation durable, or changes nothing. Everything is checked before the first write,
-- because what a script wrote before it failed stays written.
--
-- KEYS  1 conversation  2 thread  3 journal  4 due  5 inbox read  6 inbox unread  7 totals  8 events  9 kept answer
--       10 kept answers  11 conversations  12 proofs of the conversation  13 ledger  14 notes
-- ARGV  1 store id  2 schema  3 newest occurrence that the caller knows of  4 look-up, 32 hexadecimal digits
--       5 expected version  6 next version  7 operation, 16 octets  8 conversation id  9 at  10 wake at, or empty
--       11 active at  12 unread  13 last, or empty  14 ends  15 snapshot  16 kept answer, or empty
--       17 kept answers count since  18 kept answers are forgotten after so many milliseconds
--       19 events that are kept  20 channel  21 news  22 what the keys of facets begin with
--       23 what it is found by, a space before each  24 number of entries  25 number of changes
--       then the entries: 'A' place fixed state | 'U' place state | 'E' entry
--                     | 'L' number signature proof | 'N' number note
--       then the changes: kind place, the place empty where there is none
--       Times are 16 hexadecimal digits that sort as the times do.
-- Returns {1, newest occurrence of its own, or 0} when it was written, {1, 0} when an earlier call of the same operation
--         wrote it; {0} when the version is not the expected one; {2, kept answer} when the idempotency key is taken.

local TYPES = {'hash', 'hash', 'list', 'zset', 'zset', 'zset', 'hash', 'stream', 'string', 'zset', 'list', 'list',
               'list', 'list'}
if #KEYS ~= #TYPES then return redis.error_reply('ASSENTARGS wrong number of keys') end
for index, expected in ipairs(TYPES) do
  local found = redis.call('TYPE', KEYS[index]).ok
  if found ~= 'none' and found ~= expected then
    return redis.error_reply('ASSENTTYPE key ' .. index .. ' is a ' .. found .. ' and not a ' .. expected)
  end
end
local conversation, thread, journal, due, inbox_read, inbox_unread, totals, events, answer, answers, conversations,
      proofs, ledger, notes = unpack(KEYS)

local function is_time(text) return text ~= nil and #text == 16 and text:find('^%x+$') ~= nil end
local function is_number(text) return text ~= nil and text:find('^%d+$') ~= nil end

local store, schema, known, look_up = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local expected, version, operation, id = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local at, wake, active, unread, last = ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local ends, snapshot, kept, kept_since, kept_for = ARGV[14], ARGV[15], ARGV[16], ARGV[17], ARGV[18]
local events_max, channel, news = ARGV[19], ARGV[20], ARGV[21]
local facet_prefix, facets = ARGV[22], ARGV[23] or ''
for _, number in ipairs({known, expected, version, id, unread, kept_for, events_max, ARGV[24] or '', ARGV[25] or ''}) do
  if not is_number(number) then return redis.error_reply('ASSENTARGS a number is none') end
end
for _, time in ipairs({at, active, kept_since, wake ~= '' and wake or at}) do
  if not is_time(time) then return redis.error_reply('ASSENTARGS a time is none') end
end
if #look_up ~= 32 or #operation ~= 16 or (last ~= '' and not is_number(last)) then
  return redis.error_reply('ASSENTARGS the conversation is not well formed')
end

local entries, changes = {}, {}
local cursor = 25
local function take()
  cursor = cursor + 1
  return ARGV[cursor]
end
for _ = 1, tonumber(ARGV[24]) do
  local entry = {kind = take()}
  if entry.kind == 'A' then
    entry.place, entry.fixed, entry.state = take(), take(), take()
  elseif entry.kind == 'U' then
    entry.place, entry.state = take(), take()
  elseif entry.kind == 'E' then
    entry.evidence = take()
  elseif entry.kind == 'N' then
    entry.place, entry.note = take(), take()
    if not entry.note then return redis.error_reply('ASSENTARGS a note is not whole') end
  elseif entry.kind == 'L' then
    entry.place, entry.signature, entry.proof = take(), take(), take()
    if not entry.proof or entry.signature:find(' ') then return redis.error_reply('ASSENTARGS a proof is not whole') end
  else
    return redis.error_reply('ASSENTARGS an entry is of no known kind')
  end
  if entry.kind ~= 'E' and not is_number(entry.place) then
    return redis.error_reply('ASSENTARGS an entry has no place')
  end
  entries[#entries + 1] = entry
end
for _ = 1, tonumber(ARGV[25]) do
  changes[#changes + 1] = {kind = take(), place = take()}
end
if cursor ~= #ARGV then return redis.error_reply('ASSENTARGS wrong number of arguments') end

local known_store, known_schema, newest = unpack(redis.call('HMGET', totals, 'store', 'schema', 'occurrences'))
if known_store ~= store then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if known_schema ~= schema then return redis.error_reply('ASSENTSCHEMA the store has another schema') end
if tonumber(newest or '0') < tonumber(known) then return redis.error_reply('ASSENTBACK the store went back in time') end

local found = redis.call('HMGET', conversation, 'version', 'operation', 'row', 'wake', 'active', 'unread', 'last',
                         'facets')
local old = {version = found[1] or '0', operation = found[2], row = found[3], wake = found[4] or '',
             active = found[5], unread = tonumber(found[6] or '0'), last = found[7] or '', facets = found[8] or ''}
if old.version == version and old.operation == operation then return {1, 0} end
if old.version ~= expected then return {0} end
if kept ~= '' then
  local taken = redis.call('GET', answer)
  if taken and taken:sub(1, 16) >= kept_since then return {2, taken:sub(17)} end
end

-- From here on it is written.

local row = old.row or redis.call('HINCRBY', totals, 'rows', 1)
redis.call('HSET', conversation, 'version', version, 'operation', operation, 'row', row, 'wake', wake,
           'active', active, 'unread', unread, 'last', last, 'facets', facets ~= '' and active .. facets or '',
           'snapshot', snapshot)
if not old.row then
  redis.call('HSET', conversation, 'id', id, 'ends', ends)
  redis.call('RPUSH', conversations, look_up)
end

if old.wake ~= wake then
  if old.wake ~= '' then redis.call('ZREM', due, old.wake .. look_up) end
  if wake ~= '' then redis.call('ZADD', due, 0, wake .. look_up) end
end

-- Each conversation in which something was said is in one of the two inboxes, the newest last.
local unread_messages = tonumber(unread)
local place_in_inbox = string.format('%016x', tonumber(row)) .. look_up
if old.last ~= '' then
  redis.call('ZREM', old.unread > 0 and inbox_unread or inbox_read, old.active .. place_in_inbox)
end
if last ~= '' then
  redis.call('ZADD', unread_messages > 0 and inbox_unread or inbox_read, 0, active .. place_in_inbox)
end
-- The time with which it was put there stands before what it is found by: an earlier version may have changed it since.
local function places_of(facets_at)
  local places = {}
  for facet in facets_at:sub(17):gmatch('%x+') do places[facet] = facets_at:sub(1, 16) .. place_in_inbox end
  return places
end
local placed, to_be_placed = places_of(old.facets), places_of(active .. facets)
for facet, place in pairs(placed) do
  if to_be_placed[facet] ~= place then redis.call('ZREM', facet_prefix .. facet, place) end
end
for facet, place in pairs(to_be_placed) do
  if placed[facet] ~= place then redis.call('ZADD', facet_prefix .. facet, 0, place) end
end
local counted_before = old.last ~= '' and old.unread or 0
local counted = last ~= '' and unread_messages or 0
if counted ~= counted_before then
  redis.call('HINCRBY', totals, 'unread_messages', counted - counted_before)
  redis.call('HINCRBY', totals, 'unread_conversations', (counted > 0 and 1 or 0) - (counted_before > 0 and 1 or 0))
end

for _, entry in ipairs(entries) do
  if entry.kind == 'A' then
    redis.call('HSET', thread, entry.place, entry.fixed, entry.place .. 's', entry.state)
  elseif entry.kind == 'U' then
    redis.call('HSET', thread, entry.place .. 's', entry.state)
  elseif entry.kind == 'E' then
    redis.call('RPUSH', journal, entry.evidence)
  elseif entry.kind == 'N' then
    redis.call('RPUSH', notes, entry.note)
  else
    -- Never held against what is there: a STOP is taken whatever somebody did to the ledger, and whoever verifies it finds out.
    local index = redis.call('RPUSH', proofs, entry.proof)
    redis.call('RPUSH', ledger, table.concat({look_up, id, entry.place, string.format('%.0f', index), entry.signature}, ' '))
  end
end

local own = 0
if #changes > 0 then
  own = redis.call('HINCRBY', totals, 'occurrences', #changes)
  for index, change in ipairs(changes) do
    local occurrence = string.format('%.0f', own - #changes + index)
    redis.call('XADD', events, 'MAXLEN', '~', events_max, occurrence .. '-0', 'c', look_up, 'k', change.kind,
               's', change.place, 'o', operation, 't', at)
  end
end
if kept ~= '' then
  redis.call('SET', answer, at .. kept, 'PX', kept_for)
  -- Those that are forgotten leave the index, which is in the order of time.
  redis.call('ZREMRANGEBYLEX', answers, '-', '(' .. kept_since)
  redis.call('ZADD', answers, 0, at .. answer:sub(-32))
end
local last_commit = redis.call('HGET', totals, 'last_commit')
if not last_commit or at > last_commit then redis.call('HSET', totals, 'last_commit', at) end
redis.call('PUBLISH', channel, string.format('%.0f', own) .. ' ' .. news)
return {1, own}
