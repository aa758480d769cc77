/** What the documentation shows of this package is what the package has and does. */
import { readdirSync, readFileSync } from 'node:fs';
import { format } from 'node:util';
import { create } from '@bufbuild/protobuf';
import * as core from '@transprune/core';
import { createPlan, positionModes } from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { expect, test, vi } from 'vitest';
import { fusedAttention } from '../testing/examples/fused-attention.js';
import { lastLogits } from '../testing/examples/last-logits.js';
import { smallConfig as config, randomEmbeddings } from '../testing/random-decoder.js';
import * as onnx from './index.js';
import {
  FunctionProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
} from './proto/onnx_pb.js';

vi.mock(import('./decoder/attention/index.js'), async (original) => {
  const { attentionFamilies } = await original();
  return { attentionFamilies: [...attentionFamilies, fusedAttention] };
});

const root = new URL('../../../', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const pages = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));
const listings = pages.flatMap((page) =>
  [...text(`docs/${page}`).matchAll(/```ts\n\/\/ (\S+\.ts)\n(.*?)```/gs)].map(
    ([, path = '', code = '']) => ({ page, path, code }),
  ),
);

test.each(listings)('$page shows $path as it is', ({ path, code }) => {
  // Parts that are left out are marked.
  for (const part of code.split(/\n\s*\/\/ \.\.\.\n/)) expect(text(path)).toContain(part.trim());
});

const decoder = onnx.buildDecoder(config, onnx.randomWeights(1), {
  projections: 'split',
  rotary: 'separate',
});

/** The same with the invented operator, which a function of the model defines. */
function withFusedAttention() {
  const domain = 'com.example';
  const attentions = decoder.graph!.node.filter(({ opType }) => opType === 'GroupQueryAttention');
  const [first] = attentions;
  const output = ['mixed', 'present_key', 'present_value'];
  const input = first!.input.slice(0, 7).map((_, i) => `input_${i}`);
  const body = create(NodeProtoSchema, { ...first!, input, output });
  const version = (name: string, number: number) =>
    create(OperatorSetIdProtoSchema, { domain: name, version: BigInt(number) });
  return create(ModelProtoSchema, {
    ...decoder,
    opsetImport: [...decoder.opsetImport, version(domain, 1)],
    functions: [
      create(FunctionProtoSchema, {
        name: 'FusedAttention',
        domain,
        input,
        output,
        node: [body],
        opsetImport: [version('com.microsoft', 1)],
      }),
    ],
    graph: {
      ...decoder.graph!,
      node: decoder.graph!.node.map((node) =>
        attentions.includes(node)
          ? create(NodeProtoSchema, {
              ...node,
              opType: 'FusedAttention',
              domain,
              input: node.input.slice(0, 7),
              attribute: [],
            })
          : node,
      ),
    },
  });
}

const mask = Array.from({ length: 20 }, (_, i) => (i >= 3 && i < 15 ? 1 : 0));
const prompt = randomEmbeddings(config, mask.length, 3);

test.each(positionModes)(
  'the attention family of the documentation, positions %s',
  async (positions) => {
    const fused = withFusedAttention();
    expect(onnx.readDecoder(fused).attentionFamily).toBe('example-fused');
    const plan = createPlan({
      accumulateLayers: [1, 2],
      stages: [{ afterLayer: 2, keepRatio: 0.25 }],
      positions,
    });
    const run = async (model: onnx.OnnxModel) => {
      const pruned = onnx.pruneModel(model, plan, { trace: true }).model;
      const session = await openDecoder(onnx.encodeModel(pruned), config);
      const steps = [await session.step(prompt, mask)];
      steps.push(await session.step(randomEmbeddings(config, 1, 4)));
      return steps;
    };
    const [expected, actual] = [await run(decoder), await run(fused)];
    expect(actual[0]!.extra).toEqual(expected[0]!.extra);
    for (const [at, { logits }] of expected.entries()) {
      expect(maxDifference(actual[at]!.logits, logits)).toBeLessThan(1e-6);
    }
  },
);

test('the pass of the documentation', async () => {
  const { model, report } = lastLogits(decoder);
  expect(report).toEqual({ added: 1 });
  const [all, last] = [decoder, model].map((each) => openDecoder(onnx.encodeModel(each), config));
  const [want, step] = [await (await all!).step(prompt), await (await last!).step(prompt)];
  expect(step.logitsShape).toEqual([1, 1, config.vocabularySize]);
  expect(step.logits).toEqual(want.logits.slice(-config.vocabularySize));
});

/** What the pass calls its values changes with every node that is added before them. */
const unnumbered = (line: string) =>
  line.replace(/(pruning\/[\w/]*?)[A-Z]\w*|([A-Z][A-Za-z0-9]*)_\d+\b/g, '$1$2');

test('docs/graph-surgery.md shows what its example prints', () => {
  const page = text('docs/graph-surgery.md');
  const [, code = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
  const body = code.replace(/^import (\{.*?\}) from '@transprune\/(.*?)';$/gm, 'const $1 = $2;');
  const printed: string[] = [];
  const console = { log: (...parts: unknown[]) => printed.push(format(...parts)) };
  new Function('core', 'onnx', 'console', body)(core, onnx, console);
  const known = new Set(printed.join('\n').split('\n').map(unnumbered));
  const shown = [...page.matchAll(/```text\n(.*?)```/gs)].flatMap(([, listing = '']) =>
    listing.split('\n').filter((line) => line !== '' && line !== '...'),
  );
  expect(shown.length).toBeGreaterThan(20);
  expect(shown.map(unnumbered).filter((line) => !known.has(line))).toEqual([]);
});
