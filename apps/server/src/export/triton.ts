/** A folder that Triton Inference Server serves a model from. */
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { createNodeBackend } from '@transprune/backend-node';
import { TransPruneError } from '@transprune/core';
import { type GraphName, graphNames, type VlmFiles } from '@transprune/files';
import {
  checkFolder,
  readModelFile,
  reasonOf,
  withTemporaryFolders,
  writeFailure,
  writeModelFile,
} from '@transprune/files/node';
import type { OnnxModel } from '@transprune/onnx';
import { collect, createEngine, type Pixels } from '@transprune/vlm';
import { type GoldenAnswer, writeGolden } from './golden.js';
import { recording } from './record.js';
import { tritonConfig } from './triton-config.js';

export interface TritonExport {
  /** The model's files as they are. */
  readonly files: VlmFiles;
  /** The decoder, pruned. */
  readonly decoder: OnnxModel;
  /** What the recorded run keeps, for decoders that take ratios as an input. */
  readonly keepRatios?: readonly number[];
  /** What the recorded run asks. */
  readonly question: string;
  readonly image: Pixels;
  /** Of the recorded answer. */
  readonly maxNewTokens: number;
  /** Files beside the repository, by their names. */
  readonly extra?: Readonly<Record<string, string>>;
  /** Leaves nothing when it is aborted. */
  readonly signal: AbortSignal;
}

export interface ExportedRepository {
  readonly models: readonly GraphName[];
  readonly golden: GoldenAnswer;
}

const modelsFolder = 'models';

/**
 * Writes a folder: `models/`, which is Triton's model repository, with the vision encoder, the embeddings and the
 * pruned decoder, and `golden/`, with inputs and outputs of a run of these very files. It appears complete, or not
 * at all. Weights in files of their own become hard links.
 *
 * @param output a folder that is not there yet, or is empty
 * @throws TransPruneError WRITE_FAILED for a folder that cannot be written, or has something in it, and for weights
 *   that cannot be linked; what the model's files are at fault of
 */
export async function exportTriton(
  output: string,
  options: TritonExport,
): Promise<ExportedRepository> {
  const target = resolve(output);
  await checkOutput(target, output);
  return withTemporaryFolders(options.signal, async (folders) => {
    const folder = join(await folders.create(dirname(target)), basename(target));
    await writeModels(join(folder, modelsFolder), options);
    const golden = await record(folder, options);
    for (const [name, text] of Object.entries(options.extra ?? {})) {
      await writeFile(join(folder, name), text);
    }
    options.signal.throwIfAborted();
    await checkOutput(target, output);
    await rename(folder, target).catch((cause) => fail(output, cause));
    return { models: graphNames, golden };
  });
}

async function checkOutput(target: string, output: string): Promise<void> {
  await checkFolder(output, 'nothing');
  await stat(dirname(target)).catch((cause) => fail(output, cause));
}

function fail(output: string, cause: unknown): never {
  throw writeFailure(output, reasonOf(cause), 'name a new folder in one that is there', cause);
}

const graphFile = (models: string, graph: GraphName) => join(models, graph, '1', 'model.onnx');

async function writeModels(models: string, { files, decoder, signal }: TritonExport) {
  for (const graph of graphNames) {
    const source = await files.graph(graph);
    if (!('path' in source)) throw new Error(`expected ${graph} of ${files.name} to be a file`);
    const { path: sourcePath } = source;
    const isDecoder = graph === 'decoder_model_merged';
    const model = isDecoder ? decoder : await readModelFile(sourcePath);
    const path = graphFile(models, graph);
    await mkdir(dirname(path), { recursive: true });
    const data = await writeModelFile(model, path, { sourcePath, signal });
    const lost = data.find(({ placement }) => placement === 'outside');
    if (lost) {
      throw new TransPruneError(
        'WRITE_FAILED',
        `expected to link the weights ${lost.data} into the exported folder, got: ${lost.reason}; export to a folder on the same file system`,
        { data: lost.data, reason: lost.reason },
      );
    }
  }
}

/** Asks the model that was written; what ONNX Runtime reads in its graphs, and what they answer, is written beside it. */
async function record(folder: string, options: TritonExport): Promise<GoldenAnswer> {
  const { files, keepRatios, question, image, maxNewTokens, signal } = options;
  const models = join(folder, modelsFolder);
  const written: VlmFiles = {
    ...files,
    graph: async (graph) => ({ path: graphFile(models, graph) }),
  };
  const graphs = new Map(graphNames.map((graph) => [graphFile(models, graph), graph]));
  const { backend, ...recorded } = recording(createNodeBackend(), graphs);
  const path = graphFile(models, 'decoder_model_merged');
  const decoder = { path, ...(keepRatios && { keepRatios }) };
  const engine = await createEngine({ files: written, backend, device: 'cpu', decoder });
  try {
    const request = { question, images: [image], maxNewTokens, signal };
    const { text, tokenIds } = await collect(engine.generate(request));
    signal.throwIfAborted();
    const golden = { question, text, tokenIds };
    await writeGolden(join(folder, 'golden'), golden, recorded);
    for (const [graph, ports] of recorded.interfaces) {
      await writeFile(join(models, graph, 'config.pbtxt'), tritonConfig(graph, ports));
    }
    return golden;
  } finally {
    await engine.dispose();
  }
}
