-- Pauses (ARGV[1] = 'paused') or resumes ('resumed') one BullMQ queue, as BullMQ of the version that the queue is used with
-- does; but a list that is in the way is joined and not overwritten. Returns whether anything changed.
-- ARGV[2] is the version where the queue says none.
-- KEYS  1 wait  2 paused  3 meta  4 prioritized  5 events  6 delayed  7 marker
local wait, paused, meta, prioritized, events, delayed, marker =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local pausing = ARGV[1] == 'paused'
if pausing == (redis.call('HEXISTS', meta, 'paused') == 1) then return 0 end

local major = tonumber(string.match(redis.call('HGET', meta, 'version') or ARGV[2], '(%d+)%.'))
local lists = not (major and major >= 6) -- up to 5 the jobs of a paused queue are in a list of their own
redis.call('HDEL', meta, '') -- removes nothing: whoever may not do this must not begin

local function join(from, to)
  if from == '' then return end
  if redis.call('EXISTS', from) == 0 then return end
  if redis.call('EXISTS', to) == 0 then
    redis.call('RENAME', from, to)
    return
  end
  while redis.call('RPOPLPUSH', from, to) do end -- behind those that are there
end

if pausing then
  redis.call('HSET', meta, 'paused', 1)
  local joined, why = pcall(join, lists and wait or '', paused)
  if not joined then
    redis.call('HDEL', meta, 'paused')
    return redis.error_reply(type(why) == 'table' and why.err or why)
  end
  redis.call('DEL', marker)
else
  join(paused, wait)
  redis.call('HDEL', meta, 'paused')
  local nearest = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if redis.call('EXISTS', wait) == 1 or redis.call('ZCARD', prioritized) > 0 then
    redis.call('ZADD', marker, 0, '0')
  elseif nearest[2] then
    redis.call('ZADD', marker, tonumber(nearest[2]) / 0x1000, '1')
  end
end
redis.call('XADD', events, 'MAXLEN', '~', redis.call('HGET', meta, 'opts.maxLenEvents') or 10000, '*', 'event', ARGV[1])
return 1
