/** A decoder small enough to run anywhere at once, to see whether a device computes rightly. */
import { ports } from '@transprune/core';
import type { ModelSource, Session, Unavailable } from '../backend.js';
import { readAnswer } from '../decoder/answer.js';
import { DecoderSession } from '../decoder/decoder-session.js';
import { trialDecoder } from './trial-decoder.js';

/** Opens a graph on a device, or tells why not. */
type Open = (model: ModelSource) => Promise<Session | Unavailable>;

/**
 * Long enough for the kernels that real prompts meet: WebGPU's for 32 tokens and more is wrong on adapters
 * with subgroups of 4 (onnxruntime 1.30), where shorter prompts are right.
 */
const promptTokens = 48;

/** How far a device's logits may be from the CPU's; half precision inside stays well below. */
const tolerance = 0.05;

/**
 * Why a device can't be trusted with a decoder; undefined if it can. Compares the logits of a prompt of 48
 * tokens, and of a step after it.
 *
 * @param openReference opens on a device that is trusted; only the device's own errors count if left out
 */
export async function decoderFault(open: Open, openReference?: Open): Promise<string | undefined> {
  const found = await logitsOn(open);
  if (typeof found === 'string') return found;
  if (!openReference) return undefined;
  const expected = await logitsOn(openReference);
  const worst = found.reduce(
    (max, value, i) => Math.max(max, Math.abs(value - Number(expected[i]))),
    0,
  );
  return worst <= tolerance
    ? undefined
    : `it computes wrongly: logits of a small decoder differ from the CPU's by ${worst.toFixed(2)}`;
}

/** Logits of a prompt and of one step after it on a device, or why there are none. */
async function logitsOn(open: Open): Promise<number[] | string> {
  const opened = await open({ bytes: trialDecoder() });
  if ('unavailable' in opened) return opened.unavailable;
  const decoder = new DecoderSession(opened);
  try {
    const logits: number[] = [];
    for (const tokens of [promptTokens, 1]) {
      const call = { embeddings: embeddings(decoder, tokens) };
      const answer = await (tokens === 1 ? decoder.step(call) : decoder.prefill(call));
      logits.push(...(await readAnswer(answer)).logits.data);
    }
    return logits;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    decoder.dispose();
    await opened.dispose();
  }
}

function embeddings(decoder: DecoderSession, tokens: number) {
  const hidden = Number(decoder.ports.inputs.get(ports.embeddings)?.shape[2] ?? 0);
  const data = Float32Array.from({ length: tokens * hidden }, (_, i) => Math.sin(i * i));
  return { type: 'float32', dims: [1, tokens, hidden], data } as const;
}
