/** A decoder small enough to run anywhere at once, to see whether a device computes rightly. */
import { buildDecoder, encodeModel, randomWeights } from '@transprune/onnx';
import type { HostTensor, ModelSource, Session, SessionTensor, Unavailable } from './backend.js';

/** Opens a graph on a device, or tells why not. */
type Open = (model: ModelSource) => Promise<Session | Unavailable>;

/**
 * Its prompt is long enough for the kernels that real prompts meet: WebGPU's for 32 tokens and more is
 * wrong on adapters with subgroups of 4 (onnxruntime 1.30), where shorter prompts are right.
 */
const config = {
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

/**
 * Why a device can't be trusted with a decoder; undefined if it can. Compares the logits of a prompt of 48
 * tokens, and of a step behind it.
 *
 * @param openReference opens on a device that is trusted; only the device's own errors count if left out
 */
export async function decoderFault(open: Open, openReference?: Open): Promise<string | undefined> {
  const bytes = encodeModel(buildDecoder(config, randomWeights(1)));
  const found = await logitsOn(open, bytes);
  if (typeof found === 'string') return found;
  if (!openReference) return undefined;
  const expected = await logitsOn(openReference, bytes);
  const worst = found.reduce(
    (max, value, i) => Math.max(max, Math.abs(value - Number(expected[i]))),
    0,
  );
  return worst <= tolerance
    ? undefined
    : `it computes wrongly: logits of a small decoder differ from the CPU's by ${worst.toFixed(2)}`;
}

/** Logits of a prompt and of one step behind it on a device, or why there are none. */
async function logitsOn(open: Open, bytes: Uint8Array): Promise<number[] | string> {
  const opened = await open({ bytes });
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
    const logits = [...(await numbers(prompt.logits)), ...(await numbers(step.logits))];
    for (const tensor of [...Object.values(prompt), ...Object.values(step)]) tensor.dispose();
    return logits;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await opened.dispose();
  }
}

function tokenFeeds(tokens: number, total: number): Parameters<Session['run']>[0] {
  const { hiddenSize } = config;
  const data = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => Math.sin(i * i));
  return {
    inputs_embeds: { type: 'float32', dims: [1, tokens, hiddenSize], data },
    attention_mask: { type: 'int64', dims: [1, total], data: new BigInt64Array(total).fill(1n) },
  };
}

function emptyCaches(): Record<string, HostTensor> {
  const { layers, kvHeads, headDim } = config;
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
