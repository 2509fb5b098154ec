-- Stores a snapshot, makes it current and drops the oldest beyond the numbers to keep.
--
-- KEYS: current, history, kept, registry, snapshot
-- ARGV: version, data, what is known of it, whether to keep it and the one before it,
--       recent snapshots to keep, kept ones to keep
--
-- history and kept are lists of keys of snapshots, newest first; a snapshot is dropped when it is in
-- neither any more. registry has what is known of each by its key.

local current, history, kept, registry, snapshot = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local before = redis.call('LINDEX', history, 0)

local function trim(list, other, most)
  while redis.call('LLEN', list) > tonumber(most) do
    local old = redis.call('RPOP', list)
    if not redis.call('LPOS', other, old) then
      redis.call('DEL', old)
      redis.call('HDEL', registry, old)
    end
  end
end

local function push(list, key)
  redis.call('LREM', list, 0, key)
  redis.call('LPUSH', list, key)
end

push(history, snapshot)
redis.call('SET', snapshot, ARGV[2])
redis.call('HSET', registry, snapshot, ARGV[3])
if ARGV[4] == '1' then
  if before and before ~= snapshot then
    push(kept, before)
  end
  push(kept, snapshot)
end
redis.call('SET', current, ARGV[1])
trim(history, kept, ARGV[5])
trim(kept, history, ARGV[6])
return 1
