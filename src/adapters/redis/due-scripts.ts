// Lua for the due index, run by Redis in one atomic step each. All keys begin with KEYS[1], whose hash tag puts them into
// one slot of a cluster. `:entries` is a hash from session to [lane, expiresAt, lifetimeMs, keepAliveAt, usedAt, urgent,
// stuck] as JSON; `:at:LANE` and `:ready:LANE` are sorted sets, by the due moment and by the order of claims;
// `:stuck:LANE` is a set; `:lanes` a hash from lane to its pause as JSON, or ''; `:hot` a hash from lane to the milliseconds
// that a use counts; `:ended` a hash, `:ended:at` its order.

const PRELUDE = `
local root = KEYS[1]
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local COLD = 1e15
local function text(number) return string.format('%.0f', number) end
local function known(key)
  local stored = redis.call('hget', root .. ':entries', key)
  return stored and cjson.decode(stored)
end
local function number(value) if value == cjson.null then return nil end return tonumber(value) end
local function drop(key, lane)
  redis.call('zrem', root .. ':at:' .. lane, key)
  redis.call('zrem', root .. ':ready:' .. lane, key)
  redis.call('srem', root .. ':stuck:' .. lane, key)
end
local function advance(lane)
  local hotForMs = tonumber(redis.call('hget', root .. ':hot', lane) or '')
  local due = redis.call('zrangebyscore', root .. ':at:' .. lane, '-inf', text(now), 'WITHSCORES', 'LIMIT', 0, 1000)
  for index = 1, #due, 2 do
    local key = due[index]
    local entry = known(key)
    redis.call('zrem', root .. ':at:' .. lane, key)
    if entry then
      local score = number(entry[2]) or tonumber(due[index + 1])
      local hotUntil = entry[5] + (hotForMs or math.max(number(entry[3]) or 0, 3600000))
      if entry[6] then score = score - COLD elseif now >= hotUntil then score = score + COLD end
      redis.call('zadd', root .. ':ready:' .. lane, text(score), key)
    end
  end
end
`;

/** ARGV: key, lane, at, and the entry as JSON with null for `usedAt`. */
export const PUT: string = `${PRELUDE}
local key, lane = ARGV[1], ARGV[2]
local before = known(key)
local entry = cjson.decode(ARGV[4])
entry[5] = before and before[5] or now
if before then drop(key, before[1]) end
redis.call('hset', root .. ':entries', key, cjson.encode(entry))
redis.call('zadd', root .. ':at:' .. lane, ARGV[3], key)
redis.call('hsetnx', root .. ':lanes', lane, '')
if entry[7] then redis.call('sadd', root .. ':stuck:' .. lane, key) end
return 1`;

/** ARGV: key. The entry as JSON and its moment, or nil. */
export const GET_ENTRY: string = `${PRELUDE}
local entry = known(ARGV[1])
if not entry then return nil end
local at = redis.call('zscore', root .. ':at:' .. entry[1], ARGV[1]) or text(now)
return {cjson.encode(entry), at}`;

/** ARGV: moment, keys. */
export const TOUCH: string = `${PRELUDE}
for index = 2, #ARGV do
  local entry = known(ARGV[index])
  if entry and entry[5] < tonumber(ARGV[1]) then
    entry[5] = tonumber(ARGV[1])
    redis.call('hset', root .. ':entries', ARGV[index], cjson.encode(entry))
  end
end
return 1`;

/** ARGV: key, reason or '', moment. */
export const REMOVE_ENTRY: string = `${PRELUDE}
local key = ARGV[1]
local entry = known(key)
if ARGV[2] ~= '' then
  local before = redis.call('hget', root .. ':ended', key)
  local lane = entry and entry[1] or (before and cjson.decode(before)[1]) or 'default'
  redis.call('hset', root .. ':ended', key, cjson.encode({lane, ARGV[2], ARGV[3]}))
  redis.call('zadd', root .. ':ended:at', ARGV[3], key)
end
if entry then drop(key, entry[1]) end
redis.call('hdel', root .. ':entries', key)
return 1`;

/** ARGV: lane, limit, milliseconds to claim, milliseconds of use or ''. Key, entry as JSON, moment, one after the other. */
export const CLAIM: string = `${PRELUDE}
local lane = ARGV[1]
redis.call('hset', root .. ':hot', lane, ARGV[4])
advance(lane)
local claimed = redis.call('zpopmin', root .. ':ready:' .. lane, ARGV[2])
local answer = {}
for index = 1, #claimed, 2 do
  local key = claimed[index]
  local stored = redis.call('hget', root .. ':entries', key)
  if stored then
    redis.call('zadd', root .. ':at:' .. lane, text(now + ARGV[3]), key)
    for _, part in ipairs({key, stored, text(now)}) do answer[#answer + 1] = part end
  end
end
redis.call('hsetnx', root .. ':lanes', lane, '')
return answer`;

/** ARGV: lane, the pause as JSON. */
export const PAUSE: string = `redis.call('hset', KEYS[1] .. ':lanes', ARGV[1], ARGV[2]) return 1`;

/** ARGV: lane or ''. Lane, total, due, overdue, milliseconds of the oldest one, stuck, pause or '', one after the other. */
export const LOOK: string = `${PRELUDE}
local lanes
if ARGV[1] == '' then
  lanes = redis.call('hgetall', root .. ':lanes')
else
  lanes = {ARGV[1], redis.call('hget', root .. ':lanes', ARGV[1]) or nil}
end
local answer = {}
for index = 1, #lanes, 2 do
  local lane = lanes[index]
  if lanes[index + 1] then
    advance(lane)
    local ready = root .. ':ready:' .. lane
    local due = redis.call('zcard', ready) + redis.call('zcount', root .. ':at:' .. lane, '-inf', text(now))
    local total = redis.call('zcard', ready) + redis.call('zcard', root .. ':at:' .. lane)
    local overdue = redis.call('zcount', ready, 0, text(now)) + redis.call('zcount', ready, '-inf', text(now - COLD))
    local first = redis.call('zrangebyscore', ready, 0, text(now), 'WITHSCORES', 'LIMIT', 0, 1)
    local stuck = redis.call('scard', root .. ':stuck:' .. lane)
    for _, part in ipairs({lane, total, due, overdue, first[2] and text(now - first[2]) or 0, stuck, lanes[index + 1]}) do
      answer[#answer + 1] = part
    end
  end
end
return answer`;

/** ARGV: limit. Key and JSON, one after the other, oldest first. */
export const ENDED: string = `
local answer = {}
for _, key in ipairs(redis.call('zrange', KEYS[1] .. ':ended:at', 0, ARGV[1] - 1)) do
  answer[#answer + 1] = key
  answer[#answer + 1] = redis.call('hget', KEYS[1] .. ':ended', key)
end
return answer`;

/** ARGV: keys. */
export const ACKNOWLEDGE: string = `
for _, key in ipairs(ARGV) do
  redis.call('hdel', KEYS[1] .. ':ended', key)
  redis.call('zrem', KEYS[1] .. ':ended:at', key)
end
return 1`;

/** ARGV: limit. Key, entry as JSON, moment, one after the other. */
export const STUCK: string = `${PRELUDE}
local answer = {}
for _, lane in ipairs(redis.call('hkeys', root .. ':lanes')) do
  for _, key in ipairs(redis.call('srandmember', root .. ':stuck:' .. lane, ARGV[1] - #answer / 3)) do
    local entry = known(key)
    local at = redis.call('zscore', root .. ':at:' .. lane, key) or text(now)
    for _, part in ipairs({key, cjson.encode(entry), at}) do answer[#answer + 1] = part end
  end
end
return answer`;
