/**
 * Pruned decoders on onnxruntime's WebGPU provider, as a rule with SwiftShader, whose limits are not
 * those of graphics cards:
 *
 * - Its `Cos` and `Sin`, of which exported decoders make their angles, move logits by more than 1e-3: hence
 *   `exactAngles`.
 * - `GroupQueryAttention` over 32 tokens or more is wrong on cards with subgroups of 4 (logits differ by
 *   0.6 to 2). Neither a bias nor an option of onnxruntime-node 1.30 leads around that kernel, so that it
 *   runs on the CPU here. In a browser it need not: see `backend-web`.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import {
  type OfficialCase,
  type OfficialCaseName,
  officialCase,
  officialEmbeddings,
  officialFile,
  officialPlan,
  tinyDecoder,
} from '@transprune/fixtures';
import {
  type BuildOptions,
  buildDecoder,
  decodeModel,
  encodeModel,
  namedRandomWeights,
  type OnnxModel,
  type PruneOptions,
  pruneModel,
} from '@transprune/onnx';
import { officialDistance, openDecoder } from '@transprune/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Placements, vulkanDriver, webgpuPlacements } from '../testing/webgpu.js';
import { deviceFault } from './probe.js';

const families = ['group-query-attention', 'torchscript', 'dynamo-opset18'] as const;
const cases: readonly OfficialCaseName[] = ['high', 'low', 'late-image'];
/** In turns, unless all are asked for: `backend-web` has every case of every family on the same card. */
const casesOf = (family: (typeof families)[number]) =>
  process.env.VERIFY_ALL ? cases : cases.filter((_, at) => at === families.indexOf(family));
const sizes = { layers: 14, kvHeads: 4, headDim: 16 };
/** From this many tokens on, grouped-query attention takes the kernel that SwiftShader gets wrong. */
const longPrompt = 32;

const driver = vulkanDriver() ?? '';
const title = driver
  ? 'on WebGPU'
  : 'WebGPU, without a Vulkan driver (apt-get install chromium libvulkan1, or set VK_ICD_FILENAMES)';

type NodeProto = NonNullable<OnnxModel['graph']>['node'][number];

const originals = new Map<string, OnnxModel>();

function original(family: string): OnnxModel {
  const known = originals.get(family);
  const model = known ?? decodeModel(readFileSync(officialFile(`${family}/model.onnx`)));
  originals.set(family, model);
  return model;
}

/** Weights beside the model, where it has any. */
function weightsOf(family: string): string | undefined {
  const path = officialFile(`${family}/model.onnx.data`);
  return existsSync(path) ? path : undefined;
}

/** Nodes, each followed by those of its branches. */
function withBranches(nodes: readonly NodeProto[]): NodeProto[] {
  return nodes.flatMap((node) => [
    node,
    ...node.attribute.flatMap(({ g }) => withBranches(g?.node ?? [])),
  ]);
}

/** Nodes that SwiftShader computes wrongly in this case. */
function wronglyComputed(model: OnnxModel, official: OfficialCase): string[] {
  const nodes = model.graph?.node ?? [];
  // `pruneLayers` counts from 1: a layer's index is that of the prune in front of it at the least.
  const tokensAt = (layer: number) => {
    const passed = official.pruneLayers.filter((afterLayer) => afterLayer <= layer).length;
    return official.stages[passed]?.tokensBefore ?? official.prefillKeptLength;
  };
  return nodes
    .filter(({ opType }) => opType === 'GroupQueryAttention')
    .filter((_, layer) => tokensAt(layer) >= longPrompt)
    .map(({ name }) => name);
}

/** How far a pruned decoder on WebGPU is from the authors' answers. */
async function distanceOf(family: string, official: OfficialCase, options: PruneOptions) {
  const plan = createPlan(officialPlan(official));
  const { model } = pruneModel(original(family), plan, { trace: true, ...options });
  const weights = weightsOf(family);
  const wrong = wronglyComputed(model, official);
  const decoder = await openDecoder(encodeModel(model), sizes, {
    executionProviders: [{ name: 'webgpu', ...(wrong.length > 0 && { forceCpuNodeNames: wrong }) }],
    logSeverityLevel: 4,
    ...(weights && {
      externalData: [{ path: 'model.onnx.data', data: readFileSync(weights) }],
    }),
  });
  return officialDistance(decoder, official, officialEmbeddings());
}

describe.skipIf(driver === '')(title, () => {
  beforeAll(() => {
    vi.stubEnv('VK_ICD_FILENAMES', driver);
    // The Vulkan loader complains without it.
    vi.stubEnv('XDG_RUNTIME_DIR', process.env.XDG_RUNTIME_DIR ?? '/tmp');
  });
  afterAll(() => {
    vi.unstubAllEnvs();
  });

  describe.each(families)('official answers, exported as %s', (family) => {
    test.each(casesOf(family))('case %s', async (name) => {
      const official = officialCase(name);
      const found = await distanceOf(family, official, { exactAngles: true });
      expect(found.kept).toEqual(official.stages.map((stage) => stage.keptImageOriginal));
      expect(found.scores).toBeLessThan(1e-5);
      expect(found.prefill).toBeLessThan(1e-4);
      expect(found.decoding).toBeLessThan(1e-4);
      expect(found.cacheLengths).toEqual(official.kvLengths);
    });
  });

  // When this fails, angles need not be exact.
  test.runIf(driver.includes('swiftshader'))(
    'a card’s own cosines and sines keep the same tokens, but move the logits',
    async () => {
      const official = officialCase('high');
      const found = await distanceOf('torchscript', official, {});
      expect(found.kept).toEqual(official.stages.map((stage) => stage.keptImageOriginal));
      expect(found.prefill).toBeGreaterThan(1e-3);
    },
  );

  const architecture = { queryKeyNorm: true };
  test.each<[string, BuildOptions, BuildOptions]>([
    ['over a short prompt', {}, {}],
    [
      'with norms of queries and keys inside',
      { architecture, headNorms: 'fused' },
      { architecture },
    ],
  ])('grouped-query attention %s, all on the card', async (_, onCard, onCpu) => {
    const plan = createPlan({
      accumulateLayers: [1, 2],
      stages: [
        { afterLayer: 2, keepRatio: 0.5 },
        { afterLayer: 3, keepRatio: 0.25 },
      ],
    });
    const tokens = longPrompt - 1;
    const embeddings = Float32Array.from({ length: tokens * 32 }, (_, i) => Math.sin(i * i));
    const imageMask = Array.from({ length: tokens }, (_, i) => (i >= 3 && i < 24 ? 1 : 0));
    const [gpu, cpu] = await Promise.all(
      [
        { provider: 'webgpu', layout: onCard },
        { provider: 'cpu', layout: onCpu },
      ].map(async ({ provider, layout }) => {
        const built = buildDecoder(tinyDecoder, namedRandomWeights(7), layout);
        const { model } = pruneModel(built, plan, { trace: true });
        const decoder = await openDecoder(encodeModel(model), tinyDecoder, {
          executionProviders: [provider],
          logSeverityLevel: 4,
        });
        const prefill = await decoder.step(embeddings, imageMask);
        return { prefill, next: await decoder.step(embeddings.slice(0, 32)) };
      }),
    );
    expect(gpu?.prefill.extra['pruning.kept.1']).toHaveLength(tokens - 21 + 5);
    for (const stage of [0, 1]) {
      const kept = `pruning.kept.${stage}`;
      expect(gpu?.prefill.extra[kept]).toEqual(cpu?.prefill.extra[kept]);
    }
    for (const part of ['prefill', 'next'] as const) {
      const [a = [], b = [NaN]] = [gpu?.[part].logits, cpu?.[part].logits];
      expect(a).toBeAllclose(b, { atol: 1e-3 });
    }
  });

  // When this fails, prompts of any length can be tested on the card.
  test.runIf(driver.includes('swiftshader'))(
    'SwiftShader is refused for its attention over long prompts',
    async () => {
      expect(await deviceFault('webgpu')).toMatch(/^it computes wrongly: .* differ .* by 0\.[1-9]/);
    },
  );

  describe.each(families)('where the nodes are, exported as %s', (family) => {
    const official = officialCase('high');
    const unpruned = original(family);
    const { model } = pruneModel(unpruned, createPlan(officialPlan(official)));
    const nodes = withBranches(model.graph?.node ?? []);
    const operator = new Map(nodes.map(({ name, opType }) => [name, opType]));
    const producer = new Map(
      nodes.flatMap(({ name, output }) => output.map((value) => [value, name])),
    );
    const isOwn = (name: string | undefined) => name?.startsWith('pruning/') === true;
    const operators = (names: readonly (string | undefined)[]) =>
      names.flatMap((name) => (isOwn(name) ? (operator.get(name ?? '') ?? name ?? '') : []));
    const makers = (values: readonly string[]) => values.map((value) => producer.get(value));
    let placed: Placements;
    let before: Placements;

    beforeAll(() => {
      const folder = mkdtempSync(join(tmpdir(), 'transprune-'));
      const weights = weightsOf(family);
      if (weights) writeFileSync(join(folder, 'model.onnx.data'), readFileSync(weights));
      const place = (name: string, tried: OnnxModel) => {
        const path = join(folder, name);
        writeFileSync(path, encodeModel(tried));
        return webgpuPlacements(path, driver);
      };
      placed = place('pruned.onnx', model);
      before = place('unpruned.onnx', unpruned);
      rmSync(folder, { recursive: true });
    });

    test('a stage hands back one number, and the rest nothing that the decoder did not', () => {
      expect(operators(makers(placed.toHost))).toEqual(official.stages.map(() => 'ArgMax'));
      const others = makers(placed.toHost).filter((name) => !isOwn(name));
      expect(others).toHaveLength(before.toHost.length);
    });

    test('a stage is told the places of its columns, the prompt its mask and its places', () => {
      const told = operators(makers(placed.fromHost)).sort();
      // Where the node rotates inside, also where its keys and its asking queries begin: one number each.
      const rotates = family === 'group-query-attention';
      const begins = rotates ? official.stages.flatMap(() => ['Add', 'Shape']) : [];
      const places = Array<string>(2 + official.stages.length).fill('Cast');
      expect(told).toEqual([...places, ...begins].sort());
    });

    test('scores, ranking and gathering are on the card, sizes and counts on the CPU', () => {
      // On what sizes and masks as given say: whole numbers, and ratios of them.
      const bookkeeping = [
        ...['Shape', 'Squeeze', 'Unsqueeze', 'Concat', 'Reshape', 'Slice', 'Expand'],
        ...[
          'Range',
          'ConstantOfShape',
          'Cast',
          'Sign',
          'Abs',
          'Add',
          'Sub',
          'Mul',
          'Min',
          'Max',
          'Div',
        ],
        ...['ReduceSum', 'ReduceMax'],
      ];
      // An index that is too large is seen on the CPU alone.
      const isCheck = (name: string) => name.startsWith('pruning/attention_mask_has_to_be');
      expect(placed.cpu.filter(isCheck)).toHaveLength(1);
      const others = placed.cpu.filter((name) => !isCheck(name));
      expect(operators(others).filter((name) => !bookkeeping.includes(name))).toEqual([]);
      // Of the sums on the CPU one counts the image tokens, and there is no other.
      expect(operators(placed.cpu).filter((name) => name === 'ReduceSum')).toHaveLength(1);
      const here = operators(placed.gpu);
      const count = (name: string) => here.filter((other) => other === name).length;
      expect(count('TopK')).toBe(2 * official.stages.length);
      for (const name of ['MatMul', 'Softmax', 'ReduceL2', 'Gather', 'Neg', 'ArgMax']) {
        const all = nodes.filter((n) => isOwn(n.name) && n.opType === name && !isCheck(n.name));
        expect(count(name)).toBe(all.length);
      }
    });
  });
});
