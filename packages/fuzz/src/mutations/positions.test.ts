/** Between positions and angles: what mixes or moves tokens is refused where positions are kept. */
import { clone } from '@bufbuild/protobuf';
import { createPlan } from '@transprune/core';
import { type OnnxModel, pruneModel, readDecoder } from '@transprune/onnx';
import { type GraphProto, ModelProtoSchema } from '@transprune/onnx/proto';
import { expect, test } from 'vitest';
import { type Base, baseCount, baseName, readBase } from '../bases.js';
import { withImage } from '../prompt.js';
import { randomOf } from '../random.js';
import { valuesOf } from '../shapes.js';
import { insertions } from './insertions.js';
import { type Edge, insertBefore } from './mutation.js';

const mixes = [
  ...['softmax', 'norm', 'running sum', 'mean', 'maximum', 'roll', 'reverse', 'shift'],
  ...['the first', 'by the number of tokens', 'by the mask'],
] as const;

/** One of each way to make angles of positions. */
const names = [
  'llama/torchscript-17.onnx',
  'llama/dynamo-23.onnx',
  'qwen2.5-vl/dynamo-18.onnx',
  'qwen3-vl/torchscript-17.onnx',
  'qwen3-vl/dynamo-18.onnx',
  'gqa-head-dim-symbolic/qwen3vl-genai.onnx',
  'deepstack/qwen3vl-mobius.onnx',
  'qwen3_5/onnx/decoder_model_merged.onnx',
] as const;

const plan = createPlan({
  stages: [{ afterLayer: 3, keepRatio: 0.5 }],
  accumulateLayers: [2],
  positions: 'keep',
});

/** Told sizes by their second input. */
const sized: readonly string[] = ['Expand', 'Reshape', 'Tile'];

/** The first and the last place where numbers of tokens are read on the way to the angles after the prune. */
function edgesTo({ model }: Base, shapes: ReadonlyMap<string, readonly number[]>): Edge[] {
  const { angles } = readDecoder(model).layers[3]!.attention!.reading;
  const { node: nodes } = model.graph as GraphProto;
  const made = new Set(nodes.flatMap(({ output }) => output));
  const upstream = new Set(angles.flatMap(({ value, axis }) => (axis === 'places' ? [] : [value])));
  const edges: Edge[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => upstream.has(name)) || node.opType === 'Shape') continue;
    for (const [input, value] of node.input.entries()) {
      if (!made.has(value) || (input > 0 && sized.includes(node.opType))) continue;
      upstream.add(value);
      if (tokensIn(shapes.get(value)) >= 0) edges.push({ node, input, value });
    }
  }
  return [edges.at(-1) ?? [], edges[0] ?? []].flat();
}

const tokensIn = (dims: readonly number[] | undefined) =>
  dims?.indexOf(withImage.imageMask.length) ?? -1;

function inserted(
  { model }: Base,
  shapes: ReadonlyMap<string, readonly number[]>,
  { node, input, value }: Edge,
  name: (typeof mixes)[number],
): OnnxModel {
  const changed = clone(ModelProtoSchema, model);
  const graph = changed.graph as GraphProto;
  let count = 0;
  const fresh = () => `inserted ${count++}`;
  const scene = { graph, random: randomOf(1), shapes, cuts: new Set<string>(), fresh };
  const dims = shapes.get(value) ?? [];
  const output = fresh();
  const place = { scene, value, rank: dims.length, axis: tokensIn(dims), output };
  const at = (model.graph as GraphProto).node.indexOf(node);
  const reader = graph.node[at]!;
  insertBefore(scene, reader, insertions[name]?.(place) ?? []);
  reader.input[input] = output;
  return changed;
}

test.each(names)('%s', async (file) => {
  const index = Array.from({ length: baseCount }, (_, at) => baseName(at)).findIndex((name) =>
    name.endsWith(file),
  );
  const base = readBase(index);
  const { shapes } = await valuesOf(base);
  expect(() => pruneModel(base.model, plan)).not.toThrow();
  const edges = edgesTo(base, shapes);
  expect(edges.length).toBeGreaterThan(0);
  for (const edge of edges) {
    for (const name of mixes) {
      const model = inserted(base, shapes, edge, name);
      const place = `${name} in front of ${edge.node.opType}`;
      expect(() => pruneModel(model, plan), place).toThrow(/made of its own position/);
    }
  }
});
