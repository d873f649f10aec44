/** Owns what the service needs of a Redis client. */
import { ConfigurationError } from '@strata/core';

/**
 * The part of an `ioredis` client (5.4 or newer) that is used. It stays the caller's: nothing here connects, configures or closes it, and
 * its listeners are its owner's.
 */
export interface RedisClient {
  /** Where the connection is; nothing is asked while it is known to be away. */
  readonly status?: string;
  mget(...names: string[]): Promise<(string | null)[]>;
  set(name: string, value: string, millisecondsToken: 'PX', milliseconds: number): Promise<unknown>;
  del(...names: string[]): Promise<number>;
}

/** Whether a question would go out now, instead of waiting in the client until there is a connection. */
export function isConnected({ status }: RedisClient): boolean {
  // A client that connects with its first command waits for one.
  return status === undefined || status === 'ready' || status === 'wait';
}

/** Checks the option `redis`. @throws ConfigurationError `invalid_argument`. */
export function checkRedisClient(given: unknown): asserts given is RedisClient {
  const client = given as (Partial<RedisClient> & { readonly isCluster?: boolean }) | null;
  if (typeof client !== 'object' || client === null || typeof client.mget !== 'function') {
    refuse('give a client of ioredis: new Redis(url)');
  }
  if (client.isCluster === true) {
    refuse(
      'a cluster spreads keys over servers, which one MGET cannot ask; give the client of one server or of a Sentinel',
    );
  }
}

function refuse(problem: string): never {
  throw new ConfigurationError('invalid_argument', { argument: 'redis', problem });
}
