/** Outputs of a vision encoder, kept for whoever feeds it the same pixels again. */
import {
  type HostTensor,
  type Session,
  type SessionTensor,
  takeAll,
  tensorBytes,
} from '@transprune/session';

export interface CachedSession extends Session {
  /** Runs that were answered without running. */
  readonly hits: number;
}

type Outputs = Readonly<Record<string, HostTensor>>;

/**
 * A session that does not run again for what it was fed before. The outputs that were asked for least recently
 * are forgotten when all together take more bytes than the limit.
 */
export function cachedSession(session: Session, limitBytes: number): CachedSession {
  const kept = new Map<string, Outputs>();
  let bytes = 0;
  let hits = 0;
  const forget = (key: string) => {
    bytes -= bytesOf(kept.get(key) ?? {});
    kept.delete(key);
  };
  const keep = (key: string, outputs: Outputs) => {
    if (bytesOf(outputs) > limitBytes) return;
    forget(key);
    kept.set(key, outputs);
    bytes += bytesOf(outputs);
    for (const oldest of kept.keys()) {
      if (bytes <= limitBytes) return;
      forget(oldest);
    }
  };
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    device: session.device,
    get hits() {
      return hits;
    },
    async run(feeds, fetch) {
      const key = await keyOf(feeds, fetch);
      if (key === undefined) return session.run(feeds, fetch);
      const known = kept.get(key);
      if (known) {
        hits++;
        keep(key, known);
        return given(known);
      }
      const outputs = await takeAll(await session.run(feeds, fetch));
      keep(key, outputs);
      return given(outputs);
    },
    dispose: () => session.dispose(),
  };
}

/** What is fed, as a text; undefined if it is on a device, or nothing here computes hashes. */
async function keyOf(
  feeds: Readonly<Record<string, HostTensor | SessionTensor>>,
  fetch: readonly string[] = [],
): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const parts: unknown[] = [fetch];
  for (const name of Object.keys(feeds).sort()) {
    const tensor = feeds[name];
    if (!tensor || !('data' in tensor)) return undefined;
    // Hashing reads the elements where they are; the type leaves out memory that threads share.
    const digest = await subtle.digest('SHA-256', tensor.data as Uint8Array<ArrayBuffer>);
    parts.push([name, tensor.type, tensor.dims, Array.from(new Uint8Array(digest))]);
  }
  return JSON.stringify(parts);
}

/** Copies, for whoever gets them may write into them. */
function given(outputs: Outputs): Record<string, SessionTensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { type, dims, data }]) => {
      const copy = { type, dims, data: data.slice() } as HostTensor;
      return [name, { type, dims, download: async () => copy, dispose() {} }];
    }),
  );
}

function bytesOf(outputs: Outputs): number {
  return Object.values(outputs).reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
}
