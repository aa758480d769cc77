import { create } from '@bufbuild/protobuf';
import { encodeModel } from '@transprune/onnx';
import { type GraphProto, ValueInfoProtoSchema } from '@transprune/onnx/proto';
import type { Base } from './bases.js';
import { feedsOf, open } from './decoder-run.js';
import { withImage } from './prompt.js';

/** Sizes of all values that nodes make, in a prefill. */
export async function shapesOf(base: Base): Promise<ReadonlyMap<string, readonly number[]>> {
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
  return new Map(Object.entries(outputs).map(([name, { dims }]) => [name, dims]));
}
