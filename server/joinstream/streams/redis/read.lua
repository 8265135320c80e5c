-- Reads a page of a thread's log, bounded in entries and bytes, so that no reader of large frames
-- can make Redis or the server hold the whole log at once.
--
-- KEYS[1]  the log
-- ARGV     start of the range, most entries, most bytes
-- Returns  1 when there is more (else 0), followed by the frames

local log, from = KEYS[1], ARGV[1]
local most_entries, most_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local MOST_AT_ONCE = 32

local page, bytes, step = { 0 }, 0, 1
while true do
  local entries = redis.call('XRANGE', log, from, '+', 'COUNT', step)
  for _, entry in ipairs(entries) do
    if #page > most_entries or bytes >= most_bytes then
      page[1] = 1
      return page
    end
    local frame = entry[2][2]
    page[#page + 1] = frame
    bytes = bytes + #frame
  end
  if #entries < step then
    return page
  end
  from = '(' .. entries[#entries][1]
  -- Whatever is fetched is copied, and all of Redis waits: no more than will probably fit.
  local room = math.floor((most_bytes - bytes) * (#page - 1) / bytes)
  step = math.max(1, math.min(MOST_AT_ONCE, step * 2, room))
end
