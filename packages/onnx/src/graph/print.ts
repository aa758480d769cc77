import type { GraphProto, NodeProto, ValueInfoProto } from '../proto/onnx_pb.js';
import { valueShape } from './graph.js';

/** Longest list of attribute values that is printed in full. */
const longestList = 8;

/** A graph as text, one line for each input, node and output: the same graph gives the same text. */
export function printGraph(graph: GraphProto): string {
  return [
    ...graph.input.map((info) => `input  ${printValue(info)}`),
    ...graph.node.map(printNode),
    ...graph.output.map((info) => `output ${printValue(info)}`),
  ].join('\n');
}

/**
 * One node as text: `a, b = Operator(x, y) { attribute=1 }`. Graphs inside it follow, each with its nodes and
 * what it gives out, indented.
 */
export function printNode(node: NodeProto): string {
  const attributes = node.attribute.flatMap(({ name, i, f, s, ints, t, g }) => {
    if (g) return [];
    const list = ints.length > longestList ? `${ints.slice(0, longestList)},...` : `${ints}`;
    const text = String.fromCharCode(...s);
    return `${name}=${ints.length ? `[${list}]` : t ? 'tensor' : text || (f !== 0 ? f : i)}`;
  });
  const operator = node.domain ? `${node.domain}.${node.opType}` : node.opType;
  const call = `${node.output.join(', ')} = ${operator}(${node.input.join(', ')})`;
  const line = attributes.length ? `${call} { ${attributes.join(', ')} }` : call;
  const branches = node.attribute.flatMap(({ name, g }) => {
    if (!g) return [];
    const given = `gives ${g.output.map((output) => output.name).join(', ')}`;
    return [`${name}:`, ...indented([...g.node.map(printNode), given])];
  });
  return [line, ...indented(branches)].join('\n');
}

function indented(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split('\n').map((line) => `  ${line}`));
}

function printValue(info: ValueInfoProto): string {
  return `${info.name} [${valueShape(info)
    .map((size) => size ?? '?')
    .join(', ')}]`;
}
