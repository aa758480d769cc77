import { buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';
import type { HostTensor, Session, SessionTensor } from '@transprune/runtime';
import { env } from 'onnxruntime-node';
import { missingProvider, type NodeDevice, nodeDevices } from './devices.js';
import { openOn } from './open.js';

/** Whether a device works here. */
export interface DeviceProbe {
  readonly device: NodeDevice;
  readonly ok: boolean;
  /** Why it can't be used. */
  readonly reason?: string;
}

/**
 * A decoder of two layers, small enough to run anywhere at once. Its prompt is long enough for the
 * kernels that real prompts meet: WebGPU's for 32 tokens and more is wrong on adapters with subgroups
 * of 4 (onnxruntime 1.30 on a software driver), where shorter prompts are right.
 */
const probeConfig = {
  layers: 2,
  hiddenSize: 32,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  intermediateSize: 32,
  vocabularySize: 8,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  maxPositions: 64,
  tiedEmbeddings: false,
};
const promptTokens = 48;

/** How far a device's logits may be from the CPU's; half precision inside stays well below. */
const tolerance = 0.05;

const known = new Map<NodeDevice, Promise<string | undefined>>();

/** Runs a tiny decoder on every device, best first, and says which work. */
export async function probeDevices(): Promise<DeviceProbe[]> {
  const probes: DeviceProbe[] = [];
  for (const device of nodeDevices) {
    const reason = await deviceFault(device);
    probes.push(reason === undefined ? { device, ok: true } : { device, ok: false, reason });
  }
  return probes;
}

/** Why a device can't be trusted with a decoder; undefined if it can. Looked up once. */
export function deviceFault(device: NodeDevice): Promise<string | undefined> {
  const found = known.get(device) ?? findFault(device);
  known.set(device, found);
  return found;
}

async function findFault(device: NodeDevice): Promise<string | undefined> {
  const missing = missingProvider(device);
  if (missing !== undefined) return missing;
  const bytes = encodeModel(buildDecoder(probeConfig, randomWeights(1)));
  const found = await logitsOn(device, bytes);
  if (typeof found === 'string') return found;
  const expected = device === 'cpu' ? found : await logitsOn('cpu', bytes);
  const worst = found.reduce(
    (max, value, i) => Math.max(max, Math.abs(value - Number(expected[i]))),
    0,
  );
  return worst <= tolerance
    ? undefined
    : `it computes wrongly: logits of a small decoder differ from the CPU's by ${worst.toFixed(2)}`;
}

/** Logits of a prompt and of one step behind it on a device, or why there are none. */
async function logitsOn(device: NodeDevice, bytes: Uint8Array): Promise<number[] | string> {
  const opened = await openOn(device, { bytes }, {});
  if ('unavailable' in opened) return opened.unavailable;
  try {
    const prompt = await opened.run({
      ...emptyCaches(),
      ...tokenFeeds(promptTokens, promptTokens),
    });
    const caches = Object.entries(prompt)
      .filter(([name]) => name.startsWith('present.'))
      .map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]);
    const step = await opened.run({
      ...Object.fromEntries(caches),
      ...tokenFeeds(1, promptTokens + 1),
    });
    return [...(await numbers(prompt.logits)), ...(await numbers(step.logits))];
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await opened.dispose();
  }
}

function tokenFeeds(tokens: number, total: number): Parameters<Session['run']>[0] {
  const { hiddenSize } = probeConfig;
  const data = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => Math.sin(i * i));
  return {
    inputs_embeds: { type: 'float32', dims: [1, tokens, hiddenSize], data },
    attention_mask: { type: 'int64', dims: [1, total], data: new BigInt64Array(total).fill(1n) },
  };
}

function emptyCaches(): Record<string, HostTensor> {
  const { layers, kvHeads, headDim } = probeConfig;
  const dims = [1, kvHeads, 0, headDim];
  const empty: HostTensor = { type: 'float32', dims, data: new Float32Array(0) };
  return Object.fromEntries(
    Array.from({ length: layers }, (_, layer) => [
      [`past_key_values.${layer}.key`, empty],
      [`past_key_values.${layer}.value`, empty],
    ]).flat(),
  );
}

async function numbers(tensor: SessionTensor | undefined): Promise<number[]> {
  const host = await tensor?.download();
  return Array.from(host?.data ?? [], Number);
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
