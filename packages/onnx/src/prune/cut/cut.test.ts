/** What crosses a prune is made before it, of all tokens: nothing may be in it that the prune changes. */
import { readFileSync } from 'node:fs';
import { create } from '@bufbuild/protobuf';
import { createPlan, ports } from '@transprune/core';
import { exportedDecoder } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { decodeModel } from '../../model/codec.js';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../../proto/onnx_pb.js';
import { pruneModel } from '../prune.js';

const source = readFileSync(exportedDecoder('llama', 'torchscript-17').path);

const node = (opType: string, input: string[], output: string): NodeProto =>
  create(NodeProtoSchema, { opType, input, output: [output] });

/** As a float32. */
const scaleOf = (value: string): NodeProto => {
  const to = { name: 'to', type: AttributeProto_AttributeType.INT, i: 1n };
  const cast = node('Cast', [value], 'scale');
  cast.attribute = [create(AttributeProtoSchema, to)];
  return cast;
};

/** Nodes that make `scale`. */
const scales: Readonly<Record<string, (value: string) => NodeProto[]>> = {
  'the largest number of the mask': () => [
    node('ReduceMax', [ports.attentionMask], 'most'),
    scaleOf('most'),
  ],
  'how many numbers tokens have': (value) => [
    node('Shape', [value], 'shape'),
    node('ReduceProd', ['shape'], 'size'),
    scaleOf('size'),
  ],
};

/** A decoder whose layer after the second scales what its norm reads. */
function scaled(make: (value: string) => NodeProto[]) {
  const model = decodeModel(source);
  const nodes = model.graph?.node ?? [];
  const norms = nodes.filter(({ opType }) => opType === 'Pow');
  const norm = norms[4];
  const [value = ''] = norm?.input ?? [];
  if (!norm) throw new Error('expected norms in plain operators');
  nodes.splice(nodes.indexOf(norm), 0, ...make(value), node('Mul', [value, 'scale'], 'scaled'));
  norm.input[0] = 'scaled';
  return model;
}

const after = (afterLayer: number) =>
  createPlan({ accumulateLayers: [1], stages: [{ afterLayer, keepRatio: 0.5 }] });

test.each(Object.entries(scales))('%s, in the norm behind a prune', (_, make) => {
  expect(() => pruneModel(scaled(make), after(2))).toThrow(
    /between the stream and its projections: expected a norm of a token's own numbers.* at Mul/,
  );
  expect(() => pruneModel(scaled(make), after(3))).not.toThrow();
});
