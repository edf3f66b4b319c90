// Lua, run by Redis in one atomic step each; every script touches KEYS[1] alone.
// A session is one hash: `value`, and `fence`, the newest lock under which it was written. A lock is one hash: `owner`,
// `until` (milliseconds on Redis's clock) and `fence`.

/** ARGV: none. The value, or nil. */
export const GET = `return redis.call('hget', KEYS[1], 'value')`;

/** ARGV: fence or '', milliseconds to live or 0, value. 1, or 0 if a newer lock has written. */
export const SET = `
local fence = tonumber(ARGV[1])
local kind = redis.call('type', KEYS[1]).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('del', KEYS[1]) end
local newest = tonumber(redis.call('hget', KEYS[1], 'fence') or '')
if fence and newest and fence < newest then return 0 end
redis.call('hset', KEYS[1], 'value', ARGV[3])
if fence then redis.call('hset', KEYS[1], 'fence', ARGV[1]) end
if ARGV[2] == '0' then redis.call('persist', KEYS[1]) else redis.call('pexpire', KEYS[1], ARGV[2]) end
return 1`;

/**
 * ARGV: fence or '', milliseconds that the fence is remembered. 1, or 0 if a newer lock has written.
 *
 * Removing comes first: once a script has freed memory, a full Redis lets it write.
 */
export const REMOVE = `
local fence = tonumber(ARGV[1])
if redis.call('type', KEYS[1]).ok ~= 'hash' then redis.call('del', KEYS[1]) end
local newest = tonumber(redis.call('hget', KEYS[1], 'fence') or '')
if fence and newest and fence < newest then return 0 end
redis.call('hdel', KEYS[1], 'value')
if fence then redis.pcall('hset', KEYS[1], 'fence', ARGV[1]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 1`;

/**
 * ARGV: owner, milliseconds to hold, milliseconds that the fence is remembered. {1, fence}, or {0, milliseconds left}.
 *
 * The owner who asks again gets the lock again: the first answer may have been lost. The fence is the time in
 * microseconds: it grows even when Redis has forgotten the last one, after a failover say.
 */
export const GRAB = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lock = redis.call('hmget', KEYS[1], 'owner', 'until', 'fence')
if lock[1] and lock[1] ~= ARGV[1] and tonumber(lock[2]) > now then return {0, tonumber(lock[2]) - now} end
local fence = math.max(time[1] * 1000000 + time[2], (tonumber(lock[3]) or 0) + 1)
local till = string.format('%.0f', now + ARGV[2])
redis.call('hset', KEYS[1], 'owner', ARGV[1], 'until', till, 'fence', string.format('%.0f', fence))
redis.call('pexpire', KEYS[1], ARGV[3])
return {1, fence}`;

/** ARGV: owner, milliseconds to hold from now on. 1, or 0 if this owner does not hold the lock. */
export const EXTEND = `
if redis.call('hget', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
local time = redis.call('time')
local till = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('hset', KEYS[1], 'until', string.format('%.0f', till))
return 1`;

/** ARGV: owner. 1, or 0 if this owner does not hold the lock. */
export const RELEASE = `
if redis.call('hget', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
redis.call('hdel', KEYS[1], 'owner', 'until')
return 1`;
