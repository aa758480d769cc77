/** A connection to Redis. */
import { TransPruneError } from '@transprune/core';
import { Redis } from 'ioredis';

/**
 * Connects, and from then on reconnects whenever the connection breaks.
 *
 * @throws TransPruneError INVALID_ARGUMENT for what is no address of Redis, NOT_FOUND if nobody answers there
 */
export async function connect(url: string): Promise<Redis> {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected the address of a Redis server such as redis://127.0.0.1:6379, got ${withoutPassword(url)}`,
    );
  }
  let isHere = false;
  const redis = new Redis(url, {
    lazyConnect: true,
    // Whoever waits in Redis waits for as long as it takes.
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (isHere ? Math.min(times * 200, 5000) : null),
  });
  let fault: Error | undefined;
  redis.on('error', (error: Error) => {
    fault = error;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (cause) {
    redis.disconnect();
    const said = fault?.message || (cause instanceof Error ? cause.message : `${cause}`);
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a Redis server at ${withoutPassword(url)}, got: ${said}`,
      {},
      { cause },
    );
  }
  isHere = true;
  return redis;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}
