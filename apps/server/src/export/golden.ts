/** Golden inputs and outputs: one question, answered by the graphs that were exported, run by run. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ports } from '@transprune/core';
import type { GraphName } from '@transprune/files';
import { decoderPorts, type HostTensor } from '@transprune/session';
import { encodeNpy } from './npy.js';
import type { RecordedRun, Recording } from './record.js';

/** What was asked, and what came of it. */
export interface GoldenAnswer {
  readonly question: string;
  readonly text: string;
  /** One for each run of the decoder. */
  readonly tokenIds: readonly number[];
}

/** A run as `golden.json` has it: files by the names of inputs and outputs. */
interface GoldenRun {
  readonly model: GraphName;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  /** Of the decoder: the likeliest token, and how long the caches are that come out. */
  readonly token?: number | undefined;
  readonly caches?: RecordedRun['cachesOut'];
}

/**
 * Writes `golden.json` and its tensors: the first runs of the vision encoder and the embeddings with their outputs,
 * and all runs of the decoder, each with the token that it makes, the first also with the logits of its last position.
 * Caches are not among the tensors: the first run has them empty, each later one those of the run before.
 *
 * @throws Error if the decoder was not run
 */
export async function writeGolden(
  folder: string,
  { question, text, tokenIds }: GoldenAnswer,
  { runs, interfaces }: Pick<Recording, 'runs' | 'interfaces'>,
): Promise<void> {
  const steps = runs.filter(({ graph }) => graph === 'decoder_model_merged');
  const decoder = interfaces.get('decoder_model_merged');
  if (!decoder || steps.length === 0) throw new Error('expected the decoder to have been run');
  await mkdir(folder);
  const golden: GoldenRun[] = [];
  for (const graph of ['vision_encoder', 'embed_tokens'] as const) {
    const run = runs.find((each) => each.graph === graph);
    if (run) golden.push(await writeRun(folder, graph, run));
  }
  for (const [at, step] of steps.entries()) {
    const { [ports.logits]: logits } = step.outputs;
    const outputs = at === 0 && logits ? { [ports.logits]: lastPosition(logits) } : {};
    const written = await writeRun(folder, `decoder_model_merged.${at}`, { ...step, outputs });
    golden.push({ ...written, token: tokenIds[at], caches: step.cachesOut });
  }
  const types = new Map(decoder.inputs.map(({ name, type }) => [name, type]));
  const caches = decoderPorts(decoder).state.map(({ input, output }) => ({
    input,
    output,
    type: types.get(input),
    dims: steps[0]?.cachesIn[input],
  }));
  const document = { question, text, tokens: tokenIds, caches, runs: golden };
  await writeFile(join(folder, 'golden.json'), `${JSON.stringify(document, null, 2)}\n`);
}

async function writeRun(
  folder: string,
  prefix: string,
  { graph, inputs, outputs }: RecordedRun,
): Promise<GoldenRun> {
  const write = async (tensors: Readonly<Record<string, HostTensor>>) => {
    const names = Object.entries(tensors).map(async ([name, tensor]) => {
      const file = `${prefix}.${name}.npy`;
      await writeFile(join(folder, file), encodeNpy(tensor));
      return [name, file] as const;
    });
    return Object.fromEntries(await Promise.all(names));
  };
  return { model: graph, inputs: await write(inputs), outputs: await write(outputs) };
}

/** Of `[1, tokens, vocabulary]`: `[vocabulary]`. */
function lastPosition(tensor: HostTensor): HostTensor {
  const vocabulary = tensor.dims.at(-1) ?? 0;
  return { ...tensor, dims: [vocabulary], data: tensor.data.slice(-vocabulary) } as HostTensor;
}
