#!lua
-- Takes in a part of a page of what another store holds of one practice. What of the page is there already stays as it is, so that
-- a page may come again; everything else is checked before the first write.
--
-- KEYS  1 totals  2 records  3 due  4 inbox read  5 inbox unread  6 events  7 kept answers  8 conversations  9 meter
--       10 ledger  11 posts  12 audit
--       the keys of each conversation and each kept answer are in their slot
-- ARGV  1 store id  2 schema  3 the copier's number  4 where the page begins  5 items of the page, of this practice, before these
--       6 items of the page, of this practice  7 the occurrence before the first  8 what the practice's keys begin with
--       9 number of items, then each of them:
--       'R' look-up, record                                                                         a record
--       'C' look-up, id, version, operation, wake at, active at, unread, last, ends, snapshot,
--           what it is found by, a space before each                                                a conversation
--       'M' look-up, place, fixed, state                                                            a message of a conversation
--       'E' look-up, entry                                                                          evidence in a conversation
--       'K' look-up, at, answer, milliseconds after which it is forgotten                           a kept answer
--       'O' look-up, kind, place, operation, at                                                     an occurrence in a conversation
--       'B' full at, at, day ends, spent                                                            the meter
--       'P' look-up, conversation id, number, signature, proof                                      a proof of a conversation
--       'U' entry                                                                                  an entry of the audit
--       'W' look-up, post                                                                          the post of a webhook
--       'N' look-up, note                                                                           a note in a conversation
--       Times are 16 hexadecimal digits that sort as the times do; those of a meter are microseconds.
-- Returns 1; 0 when a later copier has written here.

local TYPES = {'hash', 'hash', 'zset', 'zset', 'zset', 'stream', 'zset', 'list', 'hash', 'list', 'hash', 'list'}
if #KEYS ~= #TYPES then return redis.error_reply('ASSENTARGS wrong number of keys') end
local function is_a(key, expected)
  local found = redis.call('TYPE', key).ok
  return found == 'none' or found == expected
end
for index, expected in ipairs(TYPES) do
  if not is_a(KEYS[index], expected) then return redis.error_reply('ASSENTTYPE key ' .. index .. ' is not a ' .. expected) end
end
local totals, records, due, inbox_read, inbox_unread, events, answers, conversations, meter, ledger, posts, audit =
  unpack(KEYS)

local function is_time(text) return #text == 16 and text:find('^%x+$') ~= nil end
local function is_number(text) return text:find('^%d+$') ~= nil end
local function is_whole(text) return text:find('^-?%d+$') ~= nil end
local function is_number_or_empty(text) return text == '' or is_number(text) end
local function is_time_or_empty(text) return text == '' or is_time(text) end
local function is_look_up(text) return #text == 32 and text:find('^%x+$') ~= nil end
local function is_operation(text) return #text == 16 end
local function is_filled(text) return text ~= '' end
local function is_facets(text) return text:find('^[ %x]*$') ~= nil end

for _, index in ipairs({3, 5, 6, 7, 9}) do
  if not is_number(ARGV[index] or '') then return redis.error_reply('ASSENTARGS a number is none') end
end
local store, schema, copier, from, prefix = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[8]
local first, whole, before_first = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]

local known = redis.call('HMGET', totals, 'store', 'schema', 'copier', 'copy_from', 'copy_count')
local is_made = redis.call('EXISTS', totals) == 1
if is_made and known[1] ~= store then return redis.error_reply('ASSENTSTORE the store is not the one that was opened') end
if is_made and known[2] ~= schema then return redis.error_reply('ASSENTSCHEMA the store has another schema') end
if tonumber(known[3] or '0') > copier then return 0 end
local there = known[4] == from and tonumber(known[5] or '0') or 0
if there > whole or first > there then return redis.error_reply('ASSENTARGS the page is not the one that was begun') end

local SHAPES = {
  R = {is_look_up, is_filled},
  C = {is_look_up, is_number, is_number, is_operation, is_time_or_empty, is_time, is_number, is_number_or_empty, is_filled,
       is_filled, is_facets},
  M = {is_look_up, is_number, is_filled, is_filled},
  E = {is_look_up, is_filled},
  K = {is_look_up, is_time, is_filled, is_number},
  O = {is_look_up, is_number, is_number_or_empty, is_operation, is_time},
  B = {is_whole, is_whole, is_whole, is_number},
  P = {is_look_up, is_number, is_number, is_filled, is_filled},
  W = {is_look_up, is_filled},
  U = {is_filled},
  N = {is_look_up, is_filled},
}
local items, cursor, given = {}, 9, {}
local function take()
  cursor = cursor + 1
  return ARGV[cursor]
end
for number = 1, tonumber(ARGV[9]) do
  local item = {kind = take()}
  local shape = SHAPES[item.kind or '']
  if not shape then return redis.error_reply('ASSENTARGS an item is of no known kind') end
  for index, is_right in ipairs(shape) do
    item[index] = take()
    if not item[index] or not is_right(item[index]) then
      return redis.error_reply('ASSENTARGS a ' .. item.kind .. ' is not well formed in its part ' .. index)
    end
  end
  if first + number > there then items[#items + 1] = item end
end
if cursor ~= #ARGV then return redis.error_reply('ASSENTARGS wrong number of arguments') end

for _, item in ipairs(items) do
  local look_up = item[1]
  local name, is_there = item.kind .. look_up, false
  if item.kind == 'R' then
    is_there = redis.call('HEXISTS', records, look_up) == 1
  elseif item.kind == 'W' then
    is_there = redis.call('HEXISTS', posts, look_up) == 1
  elseif item.kind == 'C' then
    is_there = redis.call('EXISTS', prefix .. 'c:' .. look_up, prefix .. 't:' .. look_up, prefix .. 'j:' .. look_up) > 0
  elseif item.kind == 'M' then
    if not is_a(prefix .. 't:' .. look_up, 'hash') then return redis.error_reply('ASSENTTYPE a thread is not a hash') end
    name = name .. item[2]
    is_there = redis.call('HEXISTS', prefix .. 't:' .. look_up, item[2]) == 1
  elseif item.kind == 'E' then
    if not is_a(prefix .. 'j:' .. look_up, 'list') then return redis.error_reply('ASSENTTYPE a journal is not a list') end
  elseif item.kind == 'P' then
    if not is_a(prefix .. 'l:' .. look_up, 'list') then return redis.error_reply('ASSENTTYPE proofs are not a list') end
  elseif item.kind == 'N' then
    if not is_a(prefix .. 'n:' .. look_up, 'list') then return redis.error_reply('ASSENTTYPE notes are not a list') end
  elseif item.kind == 'K' then
    if not is_a(prefix .. 'k:' .. look_up, 'string') then return redis.error_reply('ASSENTTYPE an answer is not a string') end
    is_there = redis.call('EXISTS', prefix .. 'k:' .. look_up) == 1
  end
  if item.kind == 'M' or item.kind == 'E' or item.kind == 'O' or item.kind == 'P' or item.kind == 'N' then
    if redis.call('EXISTS', prefix .. 'c:' .. look_up) == 0 then
      return redis.error_reply('ASSENTARGS there is no conversation for a ' .. item.kind)
    end
  end
  if item.kind ~= 'E' and item.kind ~= 'O' and item.kind ~= 'P' and item.kind ~= 'N' and item.kind ~= 'U' then
    if is_there or given[name] then return redis.error_reply('ASSENTARGS a ' .. item.kind .. ' comes twice') end
    given[name] = true
  end
end

-- From here on it is written.

if not is_made then
  redis.call('HSET', totals, 'store', store, 'schema', schema)
  if before_first ~= '0' then redis.call('HSET', totals, 'occurrences', before_first) end
end
for _, item in ipairs(items) do
  local look_up = item[1]
  if item.kind == 'R' then
    redis.call('HSET', records, look_up, string.format('%016x', redis.call('HINCRBY', totals, 'rows', 1)) .. item[2])
  elseif item.kind == 'C' then
    local _, id, version, operation, wake, active, unread, last, ends, snapshot, facets = unpack(item)
    local row = redis.call('HINCRBY', totals, 'rows', 1)
    redis.call('HSET', prefix .. 'c:' .. look_up, 'id', id, 'version', version, 'operation', operation, 'row', row,
               'wake', wake, 'active', active, 'unread', unread, 'last', last, 'ends', ends, 'snapshot', snapshot,
               'facets', facets ~= '' and active .. facets or '')
    redis.call('RPUSH', conversations, look_up)
    if wake ~= '' then redis.call('ZADD', due, 0, wake .. look_up) end
    for facet in facets:gmatch('%x+') do
      redis.call('ZADD', prefix .. 'f:' .. facet, 0, active .. string.format('%016x', row) .. look_up)
    end
    if last ~= '' then
      local is_unread = tonumber(unread) > 0
      redis.call('ZADD', is_unread and inbox_unread or inbox_read, 0, active .. string.format('%016x', row) .. look_up)
      if is_unread then
        redis.call('HINCRBY', totals, 'unread_messages', unread)
        redis.call('HINCRBY', totals, 'unread_conversations', 1)
      end
    end
  elseif item.kind == 'M' then
    redis.call('HSET', prefix .. 't:' .. look_up, item[2], item[3], item[2] .. 's', item[4])
  elseif item.kind == 'E' then
    redis.call('RPUSH', prefix .. 'j:' .. look_up, item[2])
  elseif item.kind == 'N' then
    redis.call('RPUSH', prefix .. 'n:' .. look_up, item[2])
  elseif item.kind == 'K' then
    redis.call('SET', prefix .. 'k:' .. look_up, item[2] .. item[3], 'PX', item[4])
    redis.call('ZADD', answers, 0, item[2] .. look_up)
  elseif item.kind == 'O' then
    local place = string.format('%.0f', redis.call('HINCRBY', totals, 'occurrences', 1))
    redis.call('XADD', events, place .. '-0', 'c', look_up, 'k', item[2], 's', item[3], 'o', item[4], 't', item[5])
  elseif item.kind == 'U' then
    redis.call('RPUSH', audit, item[1])
  elseif item.kind == 'W' then
    redis.call('HSET', posts, look_up, string.format('%016d', 1) .. item[2])
  elseif item.kind == 'P' then
    local index = string.format('%.0f', redis.call('RPUSH', prefix .. 'l:' .. look_up, item[5]))
    redis.call('RPUSH', ledger, table.concat({look_up, item[2], item[3], index, item[4]}, ' '))
  else
    redis.call('HSET', meter, 'full_at', item[1], 'at', item[2], 'day_ends', item[3], 'spent', item[4])
  end
end
redis.call('HSET', totals, 'copier', copier, 'copy_from', from, 'copy_count',
           math.max(there, first + tonumber(ARGV[9])))
return 1
