/** One at a time, also among processes: a file that only one of them can create. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './system-errors.js';

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called again and again while another holds the lock; `true` gives up waiting for it. */
  readonly whileWaiting?: () => Promise<boolean> | boolean;
  /** Between two looks at a lock that another holds, in milliseconds. */
  readonly pollMs?: number;
}

/** A holder shows that it lives this often, in milliseconds. */
const heartbeatMs = 1000;
/** Without a sign of life for so long, in milliseconds, a lock is nobody's ... */
const abandonedMs = 30_000;
/** ... and for so long, if its holder was a process of this machine that has ended. */
const orphanedMs = 3000;

/**
 * Does work while a lock file is there that nobody else can hold. Locks of processes that died are broken.
 *
 * @returns undefined if `whileWaiting` gave up
 */
export async function withLock<T>(
  path: string,
  work: () => Promise<T> | T,
  { signal, whileWaiting, pollMs = 20 }: LockOptions = {},
): Promise<T | undefined> {
  const mark = `${hostname()}\n${process.pid}\n${randomUUID()}\n`;
  let seen: Sighting | undefined;
  while (!tryLock(path, mark)) {
    signal?.throwIfAborted();
    if (await whileWaiting?.()) return undefined;
    seen = await look(path, seen);
    if (seen && isAbandoned(seen)) {
      breakLock(path, seen.mark);
      seen = undefined;
    } else {
      await sleep(pollMs, undefined, { ...(signal && { signal }) });
    }
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // It was broken, or its folder removed; whoever works here finds out.
    }
  }, heartbeatMs);
  heartbeat.unref();
  try {
    signal?.throwIfAborted();
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (markIn(path) === mark) rmSync(path, { force: true });
  }
}

function tryLock(path: string, mark: string): boolean {
  try {
    writeFileSync(path, mark, { flag: 'wx' });
    return true;
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false;
    throw cause;
  }
}

/** A lock of another's, and since when it gave no sign of life, by our own clock. */
interface Sighting {
  readonly mark: string;
  readonly modified: number;
  readonly since: number;
}

async function look(path: string, before: Sighting | undefined): Promise<Sighting | undefined> {
  const found = await stat(path).catch(() => undefined);
  const mark = markIn(path);
  if (!found || mark === undefined) return undefined;
  const isUnchanged = before?.mark === mark && before.modified === found.mtimeMs;
  const since = isUnchanged ? before.since : performance.now();
  return { mark, modified: found.mtimeMs, since };
}

function isAbandoned({ mark, since }: Sighting): boolean {
  const silentMs = performance.now() - since;
  if (silentMs < orphanedMs) return false;
  const [host, pid] = mark.split('\n');
  return silentMs >= abandonedMs || (host === hostname() && !isRunning(Number(pid)));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return codeOf(cause) !== 'ESRCH';
  }
}

/** Removes a lock, unless it has become another's meanwhile. */
function breakLock(path: string, mark: string): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
    if (markIn(aside) !== mark) linkSync(aside, path);
  } catch {
    // Another was faster.
  } finally {
    rmSync(aside, { force: true });
  }
}

function markIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
