-- Stores a snapshot, makes it current and drops the oldest beyond the number to keep.
--
-- KEYS: current, history, snapshot
-- ARGV: version, data, snapshots to keep

local current, history, snapshot = KEYS[1], KEYS[2], KEYS[3]

redis.call('LREM', history, 0, snapshot)
redis.call('LPUSH', history, snapshot)
redis.call('SET', snapshot, ARGV[2])
redis.call('SET', current, ARGV[1])
while redis.call('LLEN', history) > tonumber(ARGV[3]) do
  redis.call('DEL', redis.call('RPOP', history))
end
return 1
