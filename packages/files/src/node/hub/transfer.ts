/** One try to bring a file here. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { withController } from '../abort.js';
import { checkContents, tooLarge, webPage } from './contents.js';
import { broken, TransferFault } from './fault.js';
import { findPart, type Part, partPath, removeParts, type Validator } from './part.js';
import { largestFile, type TransferPolicy } from './policy.js';
import { type Answer, ask, isFound, type Linked, reasonOfAbort } from './request.js';
import { guardAgainstStall } from './stall.js';

export interface Transfer {
  readonly url: string;
  /** In the repository. */
  readonly path: string;
  /** Where it is stored. */
  readonly target: string;
  readonly token?: string;
  /** What is known of the file beforehand. */
  readonly expected: Linked;
  /** What a graph refers to in it, in bytes. */
  readonly leastBytes?: number;
  readonly policy: TransferPolicy;
  readonly signal: AbortSignal;
  /** Called as bytes come: those that are there, and those in all if known. */
  readonly onBytes: (loaded: number, total: number | undefined) => void;
}

/**
 * Goes on with what an earlier try brought, or starts anew. The file appears when it is complete and
 * checked.
 *
 * @returns false if the server has no such file
 * @throws TransferFault; what came is kept if a later try can go on with it
 */
export function transfer(job: Transfer): Promise<boolean> {
  return withController(job.signal, (controller) => bring(job, controller));
}

async function bring(job: Transfer, controller: AbortController): Promise<boolean> {
  const part = await usablePart(job);
  // Before there is a connection, which might not wait for it.
  const begun = part && sha256Of(part) !== undefined ? await hashOf(part.path) : undefined;
  const { url, token, policy } = job;
  const answer = await ask({
    url,
    headers: { 'accept-encoding': 'identity', ...(part && rangeHeaders(part)) },
    ...(token && { token }),
    headerTimeoutMs: policy.headerTimeoutMs,
    controller,
  });
  const { response } = answer;
  if (response.status === 416 && part) return complete(job, part, begun, answer);
  if (!isFound(response)) {
    await removeParts(job.target);
    return false;
  }
  if (response.headers.get('content-type')?.startsWith('text/html')) throw webPage();
  if (response.status === 206) await checkRange(job, response, part);
  const known = wholeOf(job, answer);
  const resumed = await resumedPart(job, answer, part, known.validator);
  const file = resumed?.path ?? partPath(job.target, known.validator);
  if (!resumed) await removeParts(job.target);
  const start = resumed?.size ?? 0;
  const sha256 = known.sha256 ?? (resumed && sha256Of(resumed));
  const hash = resumed ? begun : sha256 === undefined ? undefined : createHash('sha256');
  const handle = await open(file, resumed ? 'a' : 'w');
  try {
    await receive(job, response, { handle, hash, start, total: known.total }, controller);
    await handle.sync();
  } catch (cause) {
    const isUseless = cause instanceof TransferFault && cause.options.discard;
    if (isUseless || !known.validator) await removeParts(job.target);
    throw cause;
  } finally {
    await handle.close();
  }
  await finish(job, file, { sha256, hash, isResumed: resumed !== undefined });
  return true;
}

/** A part, unless it is known to be of another file. */
async function usablePart({ target, expected }: Transfer): Promise<Part | undefined> {
  const part = await findPart(target);
  if (!part) return undefined;
  const { validator, size } = part;
  const isOther =
    ('sha256' in validator && expected.sha256 && expected.sha256 !== validator.sha256) ||
    (expected.size !== undefined && size > expected.size);
  if (!isOther) return part;
  await removeParts(target);
  return undefined;
}

function rangeHeaders({ size, validator }: Part): Record<string, string> {
  const isStrong = 'tag' in validator && !validator.tag.startsWith('W/');
  return { range: `bytes=${size}-`, ...(isStrong && { 'if-range': validator.tag }) };
}

/** What an answer tells about the whole file. */
interface Whole {
  /** In bytes; undefined if nobody tells. */
  readonly total: number | undefined;
  readonly sha256: string | undefined;
  readonly validator: Validator | undefined;
}

function wholeOf({ expected, path }: Transfer, { response, linked }: Answer): Whole {
  const { headers, status } = response;
  const told = status === 206 ? rangeOf(headers)?.total : headers.get('content-length');
  const size = isPlain(headers) && told && /^\d+$/.test(told) ? Number(told) : undefined;
  const wanted = expected.size ?? linked.size;
  if (wanted !== undefined && size !== undefined && wanted !== size) {
    throw new TransferFault(`${size} bytes where the hub lists ${wanted}`, {
      remedy: 'try again; the repository may have changed just now',
    });
  }
  const total = wanted ?? size;
  if ((total ?? 0) > largestFile(path)) throw tooLarge(path);
  const sha256 = expected.sha256 ?? linked.sha256;
  const tag = headers.get('etag') ?? headers.get('last-modified');
  const identity = sha256 ? { sha256 } : tag ? { tag } : undefined;
  return { total, sha256, validator: isPlain(headers) ? identity : undefined };
}

/** A compressed body has other bytes, and another length, when it arrives. */
const isPlain = (headers: Headers) => /^(identity)?$/.test(headers.get('content-encoding') ?? '');

function rangeOf(headers: Headers): { start: number; total: string } | undefined {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  return range ? { start: Number(range[1]), total: range[2] ?? '*' } : undefined;
}

/** Refuses a part of the file that is not the one that was asked for. */
async function checkRange(
  { target }: Transfer,
  { headers }: Response,
  part: Part | undefined,
): Promise<void> {
  if (part && rangeOf(headers)?.start === part.size && isPlain(headers)) return;
  await removeParts(target);
  throw new TransferFault('a part of the file that was not asked for', {
    retry: part ? 'later' : 'never',
    remedy: 'check the address; the server or something in between is at fault',
  });
}

/**
 * The part that an answer goes on with; undefined if it is the whole file.
 *
 * @throws TransferFault if it goes on with another file than the part is of
 */
async function resumedPart(
  { target }: Transfer,
  { response }: Answer,
  part: Part | undefined,
  validator: Validator | undefined,
): Promise<Part | undefined> {
  if (response.status !== 206 || !part) return undefined;
  if (!validator || partPath(target, validator) === part.path) return part;
  await removeParts(target);
  throw new TransferFault('the rest of a file that has changed', { retry: 'later' });
}

const sha256Of = ({ validator }: Part) => ('sha256' in validator ? validator.sha256 : undefined);

async function hashOf(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash;
}

interface Receiver {
  readonly handle: FileHandle;
  readonly hash: Hash | undefined;
  /** Bytes that are there already. */
  readonly start: number;
  readonly total: number | undefined;
}

async function receive(
  job: Transfer,
  response: Response,
  { handle, hash, start, total }: Receiver,
  controller: AbortController,
): Promise<void> {
  const { idleTimeoutMs } = job.policy;
  const limit = total ?? largestFile(job.path);
  let loaded = start;
  const progress = () => `${loaded} of ${total ?? 'an unknown number of'} bytes`;
  const guard = guardAgainstStall(idleTimeoutMs, () => {
    const got = `next to nothing for ${idleTimeoutMs / 1000} s after ${progress()}`;
    controller.abort(new TransferFault(got, { retry: 'after progress' }));
  });
  job.onBytes(loaded, total);
  const reader = response.body?.getReader();
  try {
    while (reader) {
      guard.waiting();
      const { done, value } = await reader.read().catch((cause: unknown) => {
        throw reasonOfAbort(controller) ?? broken(`after ${progress()}`, cause);
      });
      guard.received(value?.length ?? 0);
      if (done) break;
      loaded += value.length;
      if (loaded > limit) {
        if (total === undefined) throw tooLarge(job.path);
        throw new TransferFault(`more than the ${total} bytes that were announced`, {
          discard: true,
        });
      }
      hash?.update(value);
      await handle.writeFile(value);
      job.onBytes(loaded, total);
    }
  } finally {
    guard.stop();
  }
  if (total !== undefined && loaded < total) {
    throw new TransferFault(`an end after ${progress()}`, { retry: 'later' });
  }
}

/** An answer that there is nothing more: then all may be there already. */
async function complete(
  job: Transfer,
  part: Part,
  hash: Hash | undefined,
  { response, linked }: Answer,
): Promise<boolean> {
  const told = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  const total = job.expected.size ?? linked.size ?? Number(told);
  if (part.size !== total) {
    await removeParts(job.target);
    throw new TransferFault('nothing to go on with', { retry: 'later' });
  }
  job.onBytes(total, total);
  await finish(job, part.path, { sha256: sha256Of(part), hash, isResumed: true });
  return true;
}

/** What came, and what it should be. */
interface Received {
  readonly sha256: string | undefined;
  /** Of what came, if it is to be compared. */
  readonly hash: Hash | undefined;
  /** True if it is made of more than one try; then another may end better. */
  readonly isResumed: boolean;
}

/** Checks what came, and gives it its name. What is not right is removed. */
async function finish(
  { path, target, leastBytes }: Transfer,
  part: string,
  { sha256, hash, isResumed }: Received,
): Promise<void> {
  try {
    const found = hash?.digest('hex');
    if (found !== sha256) {
      throw new TransferFault(`contents with the SHA-256 ${found} where the hub lists ${sha256}`, {
        remedy: 'try again; something in between has changed the file',
      });
    }
    await checkContents(part, path, leastBytes);
  } catch (fault) {
    await removeParts(target);
    if (!(fault instanceof TransferFault) || !isResumed) throw fault;
    throw new TransferFault(fault.message, { ...fault.options, retry: 'later' });
  }
  await rename(part, target);
}
