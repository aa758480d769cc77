import { create } from '@bufbuild/protobuf';
import { encodeModel } from '@transprune/onnx';
import { type GraphProto, ValueInfoProtoSchema } from '@transprune/onnx/proto';
import type { Base } from './bases.js';
import { feedsOf, open } from './decoder-run.js';
import { withImage } from './prompt.js';

/** What a prefill makes of a base. */
export interface Values {
  /** Sizes of all values that nodes make. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Those of them that hold float32. */
  readonly floats: ReadonlySet<string>;
}

/** All values that nodes make, in a prefill. */
export async function valuesOf(base: Base): Promise<Values> {
  const graph = base.model.graph as GraphProto;
  const given = new Set(graph.output.map(({ name }) => name));
  const made = graph.node.flatMap(({ output }) => output.filter((name) => name !== ''));
  const inner = made.filter((name) => !given.has(name));
  const output = [...graph.output, ...inner.map((name) => create(ValueInfoProtoSchema, { name }))];
  const bytes = encodeModel({ ...base.model, graph: { ...graph, output } });
  const session = await open(bytes, base.externalData);
  const tokens = [...withImage.imageMask.keys()];
  const fed = {
    tokens,
    of: tokens.length,
    positions: tokens,
    past: 0,
    caches: new Map(),
    nudge: 0,
  };
  const outputs = await session.run(feedsOf(session, { call: 'prefill', ...fed }));
  await session.release();
  const values = Object.entries(outputs);
  return {
    shapes: new Map(values.map(([name, { dims }]) => [name, dims])),
    floats: new Set(values.flatMap(([name, { type }]) => (type === 'float32' ? [name] : []))),
  };
}
