-- Looks at a code, or changes it if it still is what the host has seen. What a change means is
-- decided by the host; here is only that of two changes at once one is made. A change that was made
-- already by the same attempt, whose answer was lost, counts as made.
--
-- KEYS[1]  the code
-- ARGV[1]  the revision that the host has seen, empty if there was nothing
-- ARGV[2]  the revision to become, the attempt's own; empty to look only
-- ARGV[3]  the record to become
-- ARGV[4]  for how many milliseconds its claim is to hold
-- ARGV[5]  for how many milliseconds, at least, the code is to be kept
--
-- Gives '1' for a change that was made, else '0', the time, and what is there: its revision, until
-- when its claim holds, its record.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'rev', 'until', 'record')
local rev = found[1] or ''
if ARGV[2] ~= '' then
  if rev == ARGV[2] then
    return {'1'}
  end
  if rev == ARGV[1] then
    local claimed = string.format('%.0f', now + ARGV[4])
    redis.call('HSET', KEYS[1], 'rev', ARGV[2], 'until', claimed, 'record', ARGV[3])
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then
      redis.call('PEXPIRE', KEYS[1], ARGV[5])
    end
    return {'1'}
  end
end
return {'0', string.format('%.0f', now), rev, found[2] or '0', found[3] or ''}
