/**
 * Decoders are rewritten by a process of its own: what it takes of memory is gone before the new decoder is
 * opened. Where there can be none, as in an app that was bundled into one file, this process does it.
 *
 * It is waited for, as opening a session is: meanwhile the library would go on reading into memory the file whose
 * path it has handed over.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, TransPruneError } from '@transprune/core';
import type { PruningOptions } from '../options.js';
import type { PrunedSource } from '../platform.js';

/** What the process is asked, as its argument. */
export interface Request {
  readonly path: string;
  readonly options: PruningOptions;
}

/** What it prints: the new decoder, or why there is none. */
export interface Reply {
  readonly done?: PrunedSource;
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

const program = fileURLToPath(new URL('rewrite-process.js', import.meta.url));

/**
 * Rewrites a decoder elsewhere.
 *
 * @returns undefined if no process could do it
 * @throws TransPruneError as `rewriteDecoder` does
 */
export function rewriteElsewhere(path: string, options: PruningOptions): PrunedSource | undefined {
  if (!existsSync(program) || !isPlain(options)) return undefined;
  const request: Request = { path, options };
  const { stdout, status } = spawnSync(process.execPath, [program, JSON.stringify(request)], {
    // Electron is Node then, too.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    windowsHide: true,
  });
  if (status !== 0) return undefined;
  const { done, error } = JSON.parse(stdout) as Reply;
  if (error) throw new TransPruneError(error.code, error.message, error.data);
  return done;
}

/** True for what arrives as it was sent; a plan may hold a method of its own, which is code. */
const isPlain = ({ plan }: PruningOptions) => plan === undefined || typeof plan.method === 'string';
