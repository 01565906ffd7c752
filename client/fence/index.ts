/** The promise of `@quorate/client/fence`: what checks tokens where Quorate cannot, in databases and services of others. */
export type { Claim, FencingGrant } from './claim.js';
export {
  claimOf,
  fenceRequests,
  fenceStatus,
  fencingHeader,
  type FenceOptions,
  requestClaim,
} from './http.js';
export type { MysqlConnection, MysqlPool, MysqlStatement } from './mysql.js';
export type { PgConnection, PgConnectionOf, PgPool } from './postgres.js';
export { fencedRedis, type RedisClient, type RedisCommand } from './redis.js';
export { createFences, fenced, type SqlPool } from './sql.js';
