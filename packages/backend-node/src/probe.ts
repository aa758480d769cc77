import { buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';
import type { HostTensor } from '@transprune/runtime';
import { env } from 'onnxruntime-node';
import { nodeBackend } from './backend.js';
import { missingProvider, type NodeDevice, nodeDevices } from './devices.js';

/** Whether a device works here. */
export interface DeviceProbe {
  readonly device: NodeDevice;
  readonly ok: boolean;
  /** Why it can't be used. */
  readonly reason?: string;
}

/** A decoder of one layer, small enough to run anywhere at once. */
const probeConfig = {
  layers: 1,
  hiddenSize: 32,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  intermediateSize: 32,
  vocabularySize: 8,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  maxPositions: 8,
  tiedEmbeddings: false,
};
const tokens = 3;

/** How far a device's logits may be from the CPU's; half precision inside stays well below. */
const tolerance = 0.05;

/** Runs a tiny decoder on every device, best first, and says which work. */
export async function probeDevices(): Promise<DeviceProbe[]> {
  const bytes = encodeModel(buildDecoder(probeConfig, randomWeights(1)));
  const expected = await run(bytes, 'cpu');
  const probes: DeviceProbe[] = [];
  for (const device of nodeDevices) {
    const found = missingProvider(device) ?? (await run(bytes, device));
    const reason = typeof found === 'string' ? found : difference(found, expected);
    probes.push(reason === undefined ? { device, ok: true } : { device, ok: false, reason });
  }
  return probes;
}

/** The probe's logits on a device, or why there are none. */
async function run(bytes: Uint8Array, device: NodeDevice): Promise<number[] | string> {
  const opened = await nodeBackend.open({ bytes }, { device });
  if ('unavailable' in opened) return opened.unavailable;
  try {
    const { logits } = await opened.run(probeFeeds());
    const host = await logits?.download();
    return Array.from(host?.data ?? [], Number);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await opened.dispose();
  }
}

function probeFeeds(): Record<string, HostTensor> {
  const { hiddenSize, kvHeads, headDim } = probeConfig;
  const embeddings = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => Math.sin(i));
  const cache: HostTensor = {
    type: 'float32',
    dims: [1, kvHeads, 0, headDim],
    data: new Float32Array(0),
  };
  return {
    inputs_embeds: { type: 'float32', dims: [1, tokens, hiddenSize], data: embeddings },
    attention_mask: {
      type: 'int64',
      dims: [1, tokens],
      data: new BigInt64Array(tokens).fill(1n),
    },
    'past_key_values.0.key': cache,
    'past_key_values.0.value': cache,
  };
}

function difference(found: number[], expected: number[] | string): string | undefined {
  if (typeof expected === 'string') return undefined;
  const worst = expected.reduce((max, value, i) => {
    const error = Math.abs((found[i] ?? Number.NaN) - value);
    return Math.max(error, max);
  }, 0);
  return worst <= tolerance
    ? undefined
    : `it computes wrongly: logits of a small decoder differ from the CPU's by ${worst}`;
}

/** Versions of what the backend stands on. */
export interface Versions {
  readonly node: string;
  readonly onnxruntime: string;
  readonly platform: string;
}

/** What to name in a report about this backend. */
export function versions(): Versions {
  return {
    node: process.versions.node,
    onnxruntime: env.versions.node ?? env.versions.common,
    platform: `${process.platform} ${process.arch}`,
  };
}
