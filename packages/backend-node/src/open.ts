import {
  type ModelSource,
  openOnnxRuntime,
  type Session,
  type Unavailable,
} from '@transprune/session';
import { InferenceSession } from 'onnxruntime-node';
import type { NodeDevice } from './devices.js';

export interface SessionOptions {
  /** Threads of the CPU; as many as it has cores if left out. */
  readonly threads?: number | undefined;
  /**
   * True: threads of the CPU wait busily while they have nothing to do, which takes the cores from whatever else runs on
   * them, such as the other sessions of an engine. They sleep if left out.
   */
  readonly spinning?: boolean;
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
  return openOnnxRuntime({
    model,
    device,
    servesAll: device === 'cpu',
    create: () =>
      'path' in model
        ? InferenceSession.create(model.path, sessionOptions)
        : InferenceSession.create(model.bytes, sessionOptions),
  });
}

function sessionOptionsFor(
  device: NodeDevice,
  model: ModelSource,
  { threads, spinning = false, logSeverity = 4, profilePrefix }: SessionOptions,
): InferenceSession.SessionOptions {
  const externalData = 'bytes' in model ? Object.entries(model.externalData ?? {}) : [];
  return {
    executionProviders: [device],
    logSeverityLevel: logSeverity,
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    ...(!spinning && { extra: { session: { intra_op: { allow_spinning: '0' } } } }),
    ...(profilePrefix !== undefined && { enableProfiling: true, profileFilePrefix: profilePrefix }),
    ...(externalData.length > 0 && {
      externalData: externalData.map(([path, data]) => ({ path, data })),
    }),
  };
}
