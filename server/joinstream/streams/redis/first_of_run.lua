-- Finds the oldest frame still held of a run. An epoch belongs to one run, so one look per epoch
-- is enough.
--
-- KEYS[1]  the log
-- ARGV     the run's id as 16 bytes
-- Returns  the frame, or false

local log, run = KEYS[1], ARGV[1]
local RUN_FROM, RUN_TO = 26, 41
local LAST_K = '-18446744073709551615'

local from = '-'
while true do
  local entry = redis.call('XRANGE', log, from, '+', 'COUNT', 1)[1]
  if not entry then
    return false
  end
  local frame = entry[2][2]
  if string.sub(frame, RUN_FROM, RUN_TO) == run then
    return frame
  end
  from = '(' .. string.match(entry[1], '^%d+') .. LAST_K
end
