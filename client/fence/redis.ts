/** Redis, by `ioredis` or `redis`: known by their shapes alone, never imported. */
import { QuorateError } from '../core/quorate-error.js';
import { assertClaim, type Claim, fencedOff } from './claim.js';

/** A client of `ioredis` (`call`) or of `redis` (`sendCommand`). */
export type RedisClient =
  | { call(command: string, ...args: (string | Buffer)[]): Promise<unknown> }
  | { sendCommand(args: (string | Buffer)[]): Promise<unknown> };

/** As in redis-cli: the command, the key, whatever else. */
export type RedisCommand = readonly [command: string, key: string, ...args: (string | Buffer)[]];

/**
 * One step for everybody else. A command stands in ARGV without its key, which stands in KEYS: there a cluster finds it, and
 * a driver that puts a prefix before keys.
 */
const SCRIPT = `
local mark = redis.call('GET', KEYS[1])
if mark and tonumber(mark) > tonumber(ARGV[1]) then return { 0 } end
redis.call('SET', KEYS[1], ARGV[1])
local replies = { 1 }
local place = 2
for key = 2, #KEYS do
  local last = place + tonumber(ARGV[place])
  replies[key] = redis.call(ARGV[place + 1], KEYS[key], unpack(ARGV, place + 2, last))
  place = last + 1
end
return replies`;

/**
 * Raises the mark `fence:NAME` to the token, unless it is higher, and runs the commands, in one step. Returns their
 * replies. Without commands that write it is the claim: what it reads, no older holder can change any more.
 *
 * Throws FENCED when the mark is higher: then nothing was done. Any other failure is OUTCOME_UNKNOWN and says why in
 * `cause`: Redis takes back nothing, so what came before a command that fails stays.
 *
 * On a Redis Cluster the name and all keys need one hash tag, as in `{order-17}`.
 */
export async function fencedRedis(
  redis: RedisClient,
  claim: Claim,
  commands: readonly RedisCommand[],
): Promise<readonly unknown[]> {
  assertClaim(claim);
  const keys = [`fence:${claim.name}`, ...commands.map(([, key]) => key)];
  const words = commands.flatMap(([command, , ...rest]) => [String(1 + rest.length), command, ...rest]);
  const args = [SCRIPT, String(keys.length), ...keys, String(claim.grant.token), ...words];
  claim.grant.assertHeld();
  let reply: unknown;
  try {
    reply = await ('call' in redis ? redis.call('EVAL', ...args) : redis.sendCommand(['EVAL', ...args]));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new QuorateError('OUTCOME_UNKNOWN', { detail, retryable: false, cause: error });
  }
  const [isClaimed, ...replies] = reply as readonly unknown[];
  // Some clients are told to read numbers as text.
  if (Number(isClaimed) !== 1) throw fencedOff(claim);
  return replies;
}
