/** Other ways to the same probabilities of attention, and to the same sums of values. */
import type { NodeProto } from '@transprune/onnx/proto';
import { addConstant, insertBefore, makeNode } from '../mutations/mutation.js';
import { withImage } from '../prompt.js';
import { type NeutralChange, type NeutralScene, readInstead } from './scene.js';

/** Products of queries and keys: over features, with a number for each token. */
function productsOf({ graph, inner, floats, shapes }: NeutralScene): NodeProto[] {
  const tokens = withImage.imageMask.length;
  return graph.node.filter(({ opType, input, output }) => {
    const [a = '', b = ''] = input;
    const areInner = [a, b].every((name) => inner.has(name) && floats.has(name));
    const hasKeys = shapes.get(output[0] ?? '')?.at(-1) === tokens;
    return opType === 'MatMul' && areInner && hasKeys && shapes.get(a)?.at(-1) !== tokens;
  });
}

/** Features of queries and keys in another order, the same for both. */
export const permuteFeatures: NeutralChange = (scene) => {
  const { graph, random, shapes, inner, floats } = scene;
  const heads = graph.node.filter(
    ({ opType, input }) =>
      opType === 'Attention' &&
      input.slice(0, 2).every((name) => inner.has(name) && floats.has(name)) &&
      shapes.get(input[0] ?? '')?.length === 4,
  );
  const node = random.pick([...productsOf(scene), ...heads]);
  if (!node) return undefined;
  const sizes = shapes.get(node.input[0] ?? '') ?? [];
  const reversed = addConstant(scene, [...Array(sizes.at(-1) ?? 0).keys()].reverse());
  const rank = sizes.length;
  for (const at of [0, 1]) {
    const output = scene.fresh();
    const axis = at === 1 && node.opType === 'MatMul' ? rank - 2 : rank - 1;
    const gather = makeNode('Gather', [node.input[at] ?? '', reversed], [output], { axis });
    insertBefore(scene, node, [gather]);
    node.input[at] = output;
  }
  return `features of both operands of ${node.opType} that makes ${node.output[0]} reversed`;
};

/** Keys that are all moved by the same: logits of a row move alike. */
export const shiftKeys: NeutralChange = (scene) => {
  const { random, shapes } = scene;
  const node = random.pick(productsOf(scene));
  if (!node) return undefined;
  const size = shapes.get(node.input[1] ?? '')?.at(-2) ?? 0;
  const flat = addConstant(
    scene,
    Array.from({ length: size }, () => random.real() / 4),
    { floats: true },
  );
  const [column, output] = [scene.fresh(), scene.fresh()];
  insertBefore(scene, node, [
    makeNode('Unsqueeze', [flat, addConstant(scene, [1])], [column]),
    makeNode('Add', [node.input[1] ?? '', column], [output]),
  ]);
  node.input[1] = output;
  return `keys of ${node.output[0]} moved`;
};

/** Logits that are all moved by the same number. */
export const shiftLogits: NeutralChange = (scene) => {
  const { graph, random, inner } = scene;
  const softmaxes = graph.node.filter(({ opType }) => opType === 'Softmax');
  const places = [
    ...productsOf(scene).map(({ output }) => output[0] ?? ''),
    ...softmaxes.map(({ input }) => input[0] ?? ''),
  ].filter((name) => inner.has(name));
  const value = random.pick(places);
  if (value === undefined) return undefined;
  const output = scene.fresh();
  const number = addConstant(scene, [0.5], { floats: true, scalar: true });
  readInstead(scene, value, [makeNode('Add', [value, number], [output])], output);
  return `logits ${value} moved`;
};

/** Logits that are divided before the mask, and multiplied after it: what is blocked stays so. */
export const scaleBehindMask: NeutralChange = (scene) => {
  const { graph, random, inner } = scene;
  const makers = new Map(graph.node.flatMap((node) => node.output.map((name) => [name, node])));
  const isLogits = (name: string) => inner.has(name);
  const masked = (node: NodeProto) => {
    let last: NodeProto | undefined = node;
    // The largest logit may be taken away, and sinks joined, in between.
    while (last && last.opType !== 'Add') last = makers.get(last.input.find(isLogits) ?? '');
    return last;
  };
  const node = random.pick(graph.node.filter(({ opType }) => opType === 'Softmax').filter(masked));
  const mask = node && masked(node);
  const logits = mask?.input.find(isLogits);
  if (!node || !mask || logits === undefined) return undefined;
  const factor = random.pick([0.25, 0.5, 2]) ?? 1;
  const number = (value: number) => addConstant(scene, [value], { floats: true, scalar: true });
  const [before, after] = [scene.fresh(), scene.fresh()];
  insertBefore(scene, mask, [makeNode('Mul', [logits, number(1 / factor)], [before])]);
  mask.input = mask.input.map((name) => (name === logits ? before : name));
  const sum = mask.output[0] ?? '';
  readInstead(scene, sum, [makeNode('Mul', [sum, number(factor)], [after])], after);
  return `logits ${logits} divided by ${factor} before the mask, and multiplied after it`;
};

/** Heads in another order: of queries, keys and values, and back in what attention gives. */
export const reverseHeads: NeutralChange = (scene) => {
  const { graph, random, shapes, inner, floats } = scene;
  const isHeads = (name: string | undefined) =>
    name !== undefined && inner.has(name) && floats.has(name) && shapes.get(name)?.length === 4;
  const whole = graph.node.filter(
    ({ opType, input }) => opType === 'Attention' && input.slice(0, 3).every(isHeads),
  );
  const products = productsOf(scene).filter(({ input }) => input.slice(0, 2).every(isHeads));
  const node = random.pick([...whole, ...products]);
  const output = node?.output[0] ?? '';
  if (!node || !inner.has(output)) return undefined;
  const count = node.opType === 'Attention' ? 3 : 2;
  const reversed = (name: string) => {
    const heads = shapes.get(name)?.[1] ?? 0;
    const order = addConstant(scene, [...Array(heads).keys()].reverse());
    const made = scene.fresh();
    return { made, node: makeNode('Gather', [name, order], [made], { axis: 1 }) };
  };
  for (let at = 0; at < count; at++) {
    const turned = reversed(node.input[at] ?? '');
    insertBefore(scene, node, [turned.node]);
    node.input[at] = turned.made;
  }
  const inside = scene.fresh();
  const back = reversed(output);
  node.output[0] = inside;
  back.node.input[0] = inside;
  back.node.output[0] = output;
  graph.node.splice(graph.node.indexOf(node) + 1, 0, back.node);
  return `heads of ${node.opType} that makes ${output} reversed`;
};
