/**
 * Gates: what a prune needs only when there is something to prune stands inside an `If`, so that decoding
 * runs none of it. Its condition is "this call has an image token", which a CPU counts in the mask.
 *
 * The branch that runs then reads whatever it likes of the graph around it. What the graph reads of the
 * branch is asked for value by value, with what stands for it in a call without an image; the node is
 * written when nobody asks any more.
 */
import { create } from '@bufbuild/protobuf';
import { type Emitter, tensor } from '../graph/emitter.js';
import { producersOf } from '../graph/graph.js';
import { sortNodes } from '../graph/sort.js';
import { readsOf } from '../graph/subgraphs.js';
import { tensorInfo } from '../graph/value-info.js';
import { walk } from '../graph/walk.js';
import {
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from '../proto/onnx_pb.js';

/** What a value is in a call without an image token. */
export type Otherwise =
  /** Another value of the graph around the gate. */
  | { readonly passes: string }
  /** Nothing that anybody reads: only later gates do, and they are closed too. Of a type and a rank. */
  | { readonly unread: TensorProto_DataType; readonly rank: number }
  /** Made by nodes of its own. */
  | { readonly made: (emitter: Emitter) => string };

/** Where the nodes of one prune go, or of a part of it. */
export interface Gate {
  /** Takes nodes that run only in a call with an image token. */
  readonly emitter: Emitter;
  /**
   * Hands a value that the branch makes to the graph around it.
   *
   * @param name what it is called there
   * @returns that name, or another under which it is handed out already
   */
  output(value: string, otherwise: Otherwise, name: string): string;
}

/** A gate that is still to be written as a node. */
export interface OpenGate extends Gate {
  /** Takes the node. */
  readonly around: Emitter;
  readonly condition: string;
  readonly otherwise: Emitter;
  readonly outputs: readonly GateOutput[];
}

interface GateOutput {
  readonly name: string;
  /** In the branch with an image token, and in the other. */
  readonly value: string;
  readonly otherwise: string;
  /** Element type, as ONNX numbers it, where a constant is given out: tools infer the types of nodes only. */
  readonly type: number | undefined;
}

/**
 * @param around takes the `If`
 * @param condition bool, one element, on the CPU
 * @param inside takes the nodes of the branch; `branch` of `around`
 */
export function openGate(around: Emitter, condition: string, inside: Emitter): OpenGate {
  const outputs: GateOutput[] = [];
  const otherwise = around.branch('');
  return {
    emitter: inside,
    around,
    condition,
    otherwise,
    outputs,
    output(value, instead, name) {
      if (outputs.some((output) => output.name === name)) return name;
      const same = outputs.find((output) => output.value === value);
      if (same && 'unread' in instead) return same.name;
      // A graph gives out each of its values once.
      const own = same ? inside.emit('Identity', [value], { outputs: [`${name}/copy`] }) : value;
      const type = 'unread' in instead ? instead.unread : undefined;
      outputs.push({ name, value: own, otherwise: emitOtherwise(otherwise, instead, name), type });
      return name;
    },
  };
}

/** No gate: everything runs in every call. */
export function noGate(emitter: Emitter): Gate {
  return { emitter, output: (value) => value };
}

function emitOtherwise(branch: Emitter, instead: Otherwise, name: string): string {
  const own = `${name}/otherwise`;
  if ('passes' in instead) {
    return branch.emit('Identity', [instead.passes], { outputs: [own] });
  }
  if ('made' in instead) return instead.made(branch.child(own));
  // A constant as an output costs no node.
  const size = instead.unread === TensorProto_DataType.INT64 ? 8 : 4;
  const dims = new Array<number>(instead.rank).fill(1);
  branch.initializers.push(tensor(own, instead.unread, dims, new Uint8Array(size)));
  return own;
}

/**
 * Writes gates as nodes, and leaves out what nobody reads.
 *
 * @param emitter took the nodes for the graph itself
 * @param read values that the graph reads of all that
 * @returns the nodes that are read, with an `If` for each gate that is
 */
export function writeGates(
  emitter: Emitter,
  gates: readonly OpenGate[],
  read: Iterable<string>,
): NodeProto[] {
  const branches = gates.flatMap((gate) => [...gate.emitter.nodes, ...gate.otherwise.nodes]);
  const producer = producersOf([...emitter.nodes, ...branches]);
  const outputs = new Map(
    gates.flatMap((gate) => gate.outputs.map((output) => [output.name, { gate, output }] as const)),
  );
  const reached = new Set<string>();
  const next = (name: string): readonly string[] => {
    const found = outputs.get(name);
    if (found) return [found.output.value, found.output.otherwise, found.gate.condition];
    const node = producer.get(name);
    return node ? readsOf(node) : [];
  };
  for (const name of walk(read, next)) reached.add(name);
  const isReached = ({ output }: NodeProto) => output.some((name) => reached.has(name));
  const written = emitter.nodes.filter(isReached);
  for (const { around, condition, emitter: inside, otherwise, outputs: own } of gates) {
    const kept = own.filter(({ name }) => reached.has(name));
    if (kept.length === 0) continue;
    const first = around.nodes.length;
    const then = kept.map(({ value, type }) => ({ name: value, type }));
    const instead = kept.map(({ otherwise: name, type }) => ({ name, type }));
    around.emit('If', [condition], {
      attributes: {
        then_branch: { graph: branchGraph('image', inside, isReached, then) },
        else_branch: { graph: branchGraph('no_image', otherwise, isReached, instead) },
      },
      outputs: kept.map(({ name }) => name),
    });
    written.push(...around.nodes.slice(first));
  }
  return written;
}

function branchGraph(
  name: string,
  emitter: Emitter,
  isReached: (node: NodeProto) => boolean,
  outputs: readonly { readonly name: string; readonly type: number | undefined }[],
): GraphProto {
  const node = sortNodes(emitter.nodes.filter(isReached));
  const reads = new Set([...outputs.map((output) => output.name), ...node.flatMap(readsOf)]);
  return create(GraphProtoSchema, {
    name,
    node,
    initializer: emitter.initializers.filter((constant) => reads.has(constant.name)),
    // Other types and sizes are left to the runtime, which knows those of what the branch reads.
    output: outputs.map((output) =>
      output.type === undefined
        ? create(ValueInfoProtoSchema, { name: output.name })
        : tensorInfo(output.name, output.type),
    ),
  });
}
