-- Stuck jobs of one BullMQ queue, as BullMQ's own moveStalledJobsToWait deals with them, in an order in which a command
-- that is refused half-way (no permission, out of memory) can neither lose a job nor run it twice.
-- KEYS  1 active  2 wait  3 paused  4 meta  5 stalled  6 marker  7 events  8 repeat
-- ARGV  1 prefix of the queue's keys  2 stuck after, in ms  3 maxStalledCount  4 version where the queue says none  5… ids
-- Returns {put back, to be failed by the next worker, entries without a job, left because workers of this version would run
-- them again, the version}.
local active, wait, paused, meta, stalled, marker, events, scheduled =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local prefix, after, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local version = redis.call('HGET', meta, 'version') or ARGV[4]
local major, minor, patch = string.match(version, '(%d+)%.(%d+)%.(%d+)')
major, minor, patch = tonumber(major), tonumber(minor), tonumber(patch)
-- From 5.53.2 on a job over its limit is marked, and the worker that takes it fails it with everything that belongs to it.
local marks = major and (major > 5 or (major == 5 and (minor > 53 or (minor == 53 and patch >= 2))))

local held = redis.call('HMGET', meta, 'paused', 'concurrency', 'opts.maxLenEvents')
-- Up to 5 a paused queue keeps its jobs in a list of its own, and resuming would overwrite `wait`; 6 reads both.
local target = (held[1] and not (major and major >= 6)) and paused or wait
local most = tonumber(held[3] or 10000)

local in_active -- only where LPOS is not known (before Redis 6.0.6) or not permitted
local function is_active(id)
  if not in_active then
    local at = redis.pcall('LPOS', active, id, 'RANK', -1) -- from the end, where the oldest are
    if type(at) ~= 'table' then return at ~= false end
    in_active = {}
    for _, other in ipairs(redis.call('LRANGE', active, 0, -1)) do in_active[other] = true end
  end
  return in_active[id]
end
redis.call('LREM', active, 0, '') -- removes nothing: whoever may not do this must not begin

local function repeats(job)
  local id = redis.call('HGET', job, 'rjk')
  return id and (redis.call('EXISTS', scheduled .. ':' .. id) == 1 or redis.call('ZSCORE', scheduled, id))
end

local back, failing, gone, left = 0, 0, 0, 0
for i = 5, #ARGV do
  local id = ARGV[i]
  local job = prefix .. id
  if is_active(id) and redis.call('EXISTS', job .. ':lock') == 0 then
    local began = tonumber(redis.call('HGET', job, 'processedOn') or nil)
    if redis.call('EXISTS', job) == 0 then
      redis.call('LREM', active, -1, id)
      redis.call('SREM', stalled, id)
      gone = gone + 1
    elseif began and now - began >= after then
      local stalls = tonumber(redis.call('HGET', job, 'stc') or 0) + 1
      local over = stalls > limit and not repeats(job)
      if over and not marks then
        left = left + 1
      else
        redis.call('HSET', job, 'stc', stalls)
        if over then redis.call('HSET', job, 'defa', 'job stalled more than allowable limit') end
        redis.call('RPUSH', target, id)
        redis.call('LREM', active, -1, id)
        redis.call('SREM', stalled, id)
        local full = held[2] and redis.call('LLEN', active) >= tonumber(held[2])
        if not held[1] and not full then redis.call('ZADD', marker, 0, '0') end
        redis.call('XADD', events, 'MAXLEN', '~', most, '*', 'event', 'waiting', 'jobId', id, 'prev', 'active')
        redis.call('XADD', events, 'MAXLEN', '~', most, '*', 'event', 'stalled', 'jobId', id)
        if over then failing = failing + 1 else back = back + 1 end
      end
    end
  end
end
return { back, failing, gone, left, version }
