import { TransPruneError } from '@transprune/core';
import {
  type ModelSource,
  onnxRuntimeSession,
  type Session,
  type Unavailable,
} from '@transprune/runtime';
import { InferenceSession } from 'onnxruntime-node';
import type { NodeDevice } from './devices.js';
import { checkModel } from './fault.js';

export interface SessionOptions {
  /** Threads of the CPU; as many as it has cores if left out. */
  readonly threads?: number;
  /** What onnxruntime may print, from 0 (everything) to 4 (the fatal only); 4 if left out. */
  readonly logSeverity?: 0 | 1 | 2 | 3 | 4;
  /** Writes onnxruntime's profile of each session to files with this prefix. */
  readonly profilePrefix?: string;
}

/**
 * Opens a graph on one device and no other.
 *
 * @throws TransPruneError if the model itself is at fault
 */
export async function openOn(
  device: NodeDevice,
  model: ModelSource,
  options: SessionOptions,
): Promise<Session | Unavailable> {
  const sessionOptions = sessionOptionsFor(device, model, options);
  let inner: InferenceSession;
  try {
    inner =
      'path' in model
        ? await InferenceSession.create(model.path, sessionOptions)
        : await InferenceSession.create(model.bytes, sessionOptions);
  } catch (cause) {
    await checkModel(model);
    const reason = firstLine(cause);
    if (device !== 'cpu') return { unavailable: reason };
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected a graph that onnxruntime can run, got ${'path' in model ? model.path : 'one'} of which it says: ${reason}`,
      { ...('path' in model && { path: model.path }), reason },
      { cause },
    );
  }
  try {
    return onnxRuntimeSession(inner, device);
  } catch (error) {
    await inner.release();
    throw error;
  }
}

function sessionOptionsFor(
  device: NodeDevice,
  model: ModelSource,
  { threads, logSeverity = 4, profilePrefix }: SessionOptions,
): InferenceSession.SessionOptions {
  const externalData = 'bytes' in model ? Object.entries(model.externalData ?? {}) : [];
  return {
    executionProviders: [device],
    logSeverityLevel: logSeverity,
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    ...(profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(externalData.length > 0 && {
      externalData: externalData.map(([path, data]) => ({ path, data })),
    }),
  };
}

/** The runtime's message without the place in its source, which comes first. */
function firstLine(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  const line = message.split('\n').find((text) => text.trim() !== '') ?? message;
  return line.replace(/^\/\S+\.cc:\d+ .*? was false\. /, '').trim();
}
