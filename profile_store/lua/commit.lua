-- One commit of one shard: compare the position's fence, check every type, then write.
-- A script that fails half-way is not rolled back, so nothing after the first write may fail.
--
-- KEYS: position, outbox, deadlines, counts of days, keys to set ..., keys to delete ...,
--       sorted sets of members ..., timelines ...
-- ARGV: fence, position, outbox, sets, deletes, deadlines to add, deadlines to remove, member sets,
--       counts, timelines, where they begin, values ..., (deadline, identity) ..., identity ...,
--       (members to add, members to remove) of each set ...,
--       ((0, identity) ..., identity ...) of each set ..., (field, what to add) ...,
--       how many events of a timeline stay, what happens to each timeline (afflux/timeline/growth.py)
-- Returns 1, or the position that is there instead ("" if none).

local FENCE = 24
local CHUNK = 2000

local position, outbox, deadlines, days = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local sets, deletes = tonumber(ARGV[4]), tonumber(ARGV[5])
local adds, removes, groups = 2 * tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local counts, timelines = tonumber(ARGV[9]), tonumber(ARGV[10])
local members = 4 + sets + deletes
local sizes = 11 + sets + adds + removes

if redis.call('GETRANGE', position, 0, FENCE - 1) ~= ARGV[1] then
  return redis.call('GET', position) or ''
end
if adds + removes > 0 then
  local kind = redis.call('TYPE', deadlines)['ok']
  if kind ~= 'zset' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. deadlines .. ' holds a ' .. kind .. ', not a zset')
  end
end

for g = 1, groups do
  local kind = redis.call('TYPE', KEYS[members + g])['ok']
  if kind ~= 'zset' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. KEYS[members + g] .. ' holds a ' .. kind .. ', not a zset')
  end
end

if counts > 0 then
  local kind = redis.call('TYPE', days)['ok']
  if kind ~= 'hash' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. days .. ' holds a ' .. kind .. ', not a hash')
  end
end

local newest = {}
for t = 1, timelines do
  local key = KEYS[members + groups + t]
  local last = redis.pcall('LINDEX', key, -1)
  if type(last) == 'table' then
    return redis.error_reply('WRONGTYPE ' .. key .. ' does not hold a list')
  end
  newest[t] = last and struct.unpack('<i8', last) or -1
end

local function in_chunks(command, key, first, count)
  for from = first, first + count - 1, CHUNK do
    redis.call(command, key, unpack(ARGV, from, math.min(from + CHUNK, first + count) - 1))
  end
end

local function grow(key, growth, last, most)
  local oldest, anew, events, at = struct.unpack('<i8BI2', growth)
  if anew == 1 then
    redis.call('DEL', key)
    last = -1
  end
  for _ = 1, events do
    local size, offset = struct.unpack('<I2i8', growth, at)
    at = at + 2 + size
    if offset > last then
      local length = redis.call('RPUSH', key, string.sub(growth, at - size, at - 1))
      if length == most + 1 then
        redis.call('LPOP', key)
      elseif length > most then
        redis.call('LTRIM', key, -most, -1)
      end
    end
  end
  local head = oldest ~= 0 and redis.call('LINDEX', key, 0)
  while head and struct.unpack('<i8', head, 9) < oldest do
    redis.call('LPOP', key)
    head = redis.call('LINDEX', key, 0)
  end
end

local first = tonumber(ARGV[11])
local most = tonumber(ARGV[first])
for t = 1, timelines do
  grow(KEYS[members + groups + t], ARGV[first + t], newest[t], most)
end
for i = 1, sets do
  redis.call('SET', KEYS[4 + i], ARGV[11 + i])
end
for i = 5 + sets, 4 + sets + deletes do
  redis.call('DEL', KEYS[i])
end
in_chunks('ZADD', deadlines, 12 + sets, adds)
in_chunks('ZREM', deadlines, 12 + sets + adds, removes)
local at = sizes + 2 * groups + 1
for g = 1, groups do
  local joined, left = 2 * tonumber(ARGV[sizes + 2 * g - 1]), tonumber(ARGV[sizes + 2 * g])
  in_chunks('ZADD', KEYS[members + g], at, joined)
  in_chunks('ZREM', KEYS[members + g], at + joined, left)
  at = at + joined + left
end
if ARGV[3] == '' then
  redis.call('DEL', outbox)
else
  redis.call('SET', outbox, ARGV[3])
end
for i = at, at + 2 * counts - 1, 2 do
  redis.call('HINCRBY', days, ARGV[i], ARGV[i + 1])
end
redis.call('SET', position, ARGV[2])
return 1
