-- Appends a batch of frames of one epoch to a thread's log and publishes what was accepted.
--
-- KEYS[1]  the log
-- ARGV     channel, ttl in ms, most entries, most bytes (0: do not look now), largest body that is
--          published, then for each frame: its id, its bytes
-- Returns  'appended', or 'stale' when the log holds a later epoch.
--
-- Without frames it only puts off the expiry, which is never brought forward.
--
-- Offsets into a frame (1-based) are those of codec.py.

local log, channel, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local most_entries, most_bytes = ARGV[3], tonumber(ARGV[4])
local inline_limit = tonumber(ARGV[5])
local FIRST_FRAME = 6
local FLAGS_AT, MODE_LENGTH_AT = 25, 44
local HAS_PREV, POINTER = 1, 2

local function flagged(frame, flag)
  return string.char(bit.bor(string.byte(frame, FLAGS_AT), flag))
end

local function epoch_of(id)
  return tonumber(string.match(id, '^%d+'))
end

-- Redis remembers it even when the entry is gone.
local function last_id()
  local info = redis.call('XINFO', 'STREAM', log)
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then
      return info[at + 1]
    end
  end
end

-- Only the log knows what stands before the first frame of an epoch: the id in the newest frame.
local function with_prev(frame)
  local before = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if not before then
    return frame
  end
  local prev = string.sub(before[2][2], 1, 12)
  return string.sub(frame, 1, 12) .. prev .. flagged(frame, HAS_PREV) .. string.sub(frame, 26)
end

-- Redis drops subscribers it has too much for, so readers fetch large bodies from the log.
local function published_form(frame)
  local header_end = MODE_LENGTH_AT + string.byte(frame, MODE_LENGTH_AT)
  if #frame - header_end > inline_limit then
    frame = string.sub(frame, 1, FLAGS_AT - 1) .. flagged(frame, POINTER)
      .. string.sub(frame, FLAGS_AT + 1, header_end)
  end
  return struct.pack('<I4', #frame) .. frame
end

local function shrink_to(most)
  local used = redis.call('MEMORY', 'USAGE', log, 'SAMPLES', 0)
  local length = redis.call('XLEN', log)
  while used and used > most and length > 1 do
    local keep = math.max(1, math.floor(length * 0.9 * most / used))
    redis.call('XTRIM', log, 'MAXLEN', math.min(keep, length - 1))
    used = redis.call('MEMORY', 'USAGE', log, 'SAMPLES', 0)
    length = redis.call('XLEN', log)
  end
end

local accepted, failure = {}, nil
for at = FIRST_FRAME, #ARGV, 2 do
  local id, frame = ARGV[at], ARGV[at + 1]
  if string.sub(id, -2) == '-0' then
    frame = with_prev(frame)
  end
  local added = redis.pcall('XADD', log, 'MAXLEN', '~', most_entries, id, 'f', frame)
  if type(added) == 'string' then
    accepted[#accepted + 1] = published_form(frame)
  elseif not string.find(added.err, 'equal or smaller', 1, true) then
    failure = added
    break
  elseif epoch_of(last_id()) > epoch_of(id) then
    return 'stale'
  end -- otherwise the writer repeats what it did not know had arrived
end

if redis.call('PTTL', log) < ttl then
  redis.call('PEXPIRE', log, ttl)
end
if most_bytes > 0 then
  shrink_to(most_bytes)
end
if #accepted > 0 then
  redis.call('PUBLISH', channel, table.concat(accepted))
end
return failure or 'appended'
