/** Owns the server's connection to Redis. */
import { ConfigurationError } from '@strata/core';
import type { Redis } from 'ioredis';

/**
 * Connects to a Redis in the background, again and again while it is away. The caller disconnects it.
 * @param onLost told once each time when the connection is lost or cannot be made.
 * @throws ConfigurationError `invalid_argument` for anything but a `redis:` or `rediss:` URL.
 */
export async function openRedis(url: string, onLost: (error: Error) => void): Promise<Redis> {
  // The URL holds a password, so nothing of it is told.
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new ConfigurationError('invalid_argument', {
      argument: 'REDIS_URL',
      problem: 'give a URL that begins with redis:// or rediss://',
    });
  }
  // Loaded only where it is asked for: every command starts faster without it.
  const { Redis } = await import('ioredis');
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 });
  let isLost = false;
  redis.on('error', (error: Error) => {
    if (!isLost) onLost(new Error(`Redis: ${error.message}`, { cause: error }));
    isLost = true;
  });
  redis.on('ready', () => {
    isLost = false;
  });
  return redis;
}
