-- Replaces a string if it is still the one that was read ("" for none). Returns 1, or 0.
--
-- KEYS: string    ARGV: what was read, what to write

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
