/** Copies of a tiny model with another decoder. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hubFolder } from '@transprune/fixtures';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { decodeModel, encodeModel, type OnnxModel } from '@transprune/onnx';

const decoderPath = join('onnx', 'decoder_model_merged.onnx');

/**
 * A copy of the LLaVA model whose decoder was changed.
 *
 * @returns its folder
 */
export async function llavaWith(change: (decoder: OnnxModel) => object): Promise<string> {
  const folder = await temporaryFolder();
  await cp(hubFolder('llava'), folder, { recursive: true });
  const decoder = decodeModel(await readFile(join(folder, decoderPath)));
  await writeFile(join(folder, decoderPath), encodeModel(change(decoder) as OnnxModel));
  return folder;
}

/** The same decoder, with hidden states among its outputs: these would not survive a prune. */
export function withHiddenStates(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const last = graph?.node.find(({ output }) => output.includes('logits'));
  const logits = graph?.output.find(({ name }) => name === 'logits');
  const hidden = last?.input[0];
  if (!graph || !logits || !hidden) throw new Error('expected a decoder with logits');
  const shape = { ...logits, name: hidden, type: undefined } as unknown as typeof logits;
  return { ...model, graph: { ...graph, output: [...graph.output, shape] } };
}

/** A copy of the LLaVA model whose decoder has its weights in two files, as large ones on the hub do. */
export async function llavaInPieces(): Promise<string> {
  const pieces: Uint8Array[][] = [[], []];
  const lengths = [0, 0];
  const folder = await llavaWith((model) => {
    const graph = model.graph;
    if (!graph) throw new Error('expected a graph');
    const initializer = graph.initializer.map((tensor, at) => {
      if (tensor.rawData.length < 1024) return tensor;
      const piece = at % 2;
      const offset = lengths[piece] ?? 0;
      pieces[piece]?.push(tensor.rawData);
      lengths[piece] = offset + tensor.rawData.length;
      const location = `decoder_model_merged.onnx_data${piece === 0 ? '' : '_1'}`;
      const entries = { location, offset: `${offset}`, length: `${tensor.rawData.length}` };
      return {
        ...tensor,
        rawData: new Uint8Array(),
        dataLocation: 1,
        externalData: Object.entries(entries).map(([key, value]) => ({
          $typeName: 'onnx.StringStringEntryProto' as const,
          key,
          value,
        })),
      };
    });
    return { ...model, graph: { ...graph, initializer } };
  });
  for (const [at, parts] of pieces.entries()) {
    const name = `${decoderPath}_data${at === 0 ? '' : '_1'}`;
    await writeFile(join(folder, name), Buffer.concat(parts));
  }
  const configPath = join(folder, 'config.json');
  const config = JSON.parse(await readFile(configPath, 'utf8'));
  config['transformers.js_config'] = { use_external_data_format: { decoder_model_merged: 2 } };
  await writeFile(configPath, JSON.stringify(config));
  return folder;
}
