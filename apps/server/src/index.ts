import { fileURLToPath } from 'node:url';
import type { ServerOptions } from './options.js';
import { createServerIn, type TransPruneServer } from './server.js';

export { defaultLimits, type Limits } from './limits/limits.js';
export type { ServerOptions } from './options.js';
export type { TransPruneServer } from './server.js';

/**
 * A server for one model; `listen` opens it.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that cannot be
 */
export function createServer(options: ServerOptions = {}): TransPruneServer {
  const built = (name: string) => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const programs = { engine: built('engine-process'), image: built('image-process') };
  return createServerIn(options, { programs });
}
