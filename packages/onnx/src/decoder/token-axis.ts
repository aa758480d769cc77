/**
 * Proves that a token's numbers stay its own: follows the axis of the tokens from the embeddings to the logits,
 * operator by operator. Attention's own nodes are the only ones that mix tokens; what moves numbers along that
 * axis, mixes them, or is not in the table, is refused. The same goes for the rows of a batch.
 */
import { constantShape, integerAttribute, operatorName, valueShape } from '../graph/graph.js';
import { upstreamNodes } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { originalOf } from './attention/cache.js';
import { pastsOf, presentsOf } from './caches.js';
import type { Decoder, Heads } from './decoder.js';
import { carriers, logitOperators } from './operators.js';
import { refuse } from './refuse.js';
import type { Size } from './sizes-of.js';
import { axisRules } from './token-rules.js';
import type { AxisRule, Held, Made, Tokens } from './token-types.js';

/** What attention is spelled out of, between the cache and what it gives. */
const mixers: ReadonlySet<string> = new Set([
  ...carriers,
  ...logitOperators,
  'Add',
  'Concat',
  'IsNaN',
  'MatMul',
  'Softmax',
  'Where',
]);

/**
 * Follows the tokens of a decoder.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the node that mixes tokens or is not known not to
 */
export function checkTokenAxis(decoder: Decoder): void {
  const { graph, layers, inputs, logits } = decoder;
  const held = new Map<string, Held>();
  const embeddings = valueShape(graph.input.get(inputs.embeddings));
  const hidden = typeof embeddings[2] === 'number' ? embeddings[2] : decoder.hiddenSize;
  held.set(inputs.embeddings, { dims: ['batch', 'tokens', hidden || undefined], axis: 1 });
  const pasts = new Set(layers.flatMap(pastsOf));
  for (const name of pasts) held.set(name, 'mixed');
  const latents = latentPasts(decoder);
  const attended = attendedValues(decoder);
  const mixing = new Set(
    layers.flatMap(({ attention }) => {
      const { node, sinkNodes = [] } = attention?.reading ?? {};
      return node ? [node, ...sinkNodes] : [];
    }),
  );
  const mixerRules = new Map(
    layers.flatMap(({ mixer }) =>
      'readings' in mixer ? mixer.readings.flatMap(({ rules }) => [...rules]) : [],
    ),
  );
  const noTokens = new Set(layers.flatMap(({ attention }) => attention?.reading.noTokens ?? []));
  const places = placesOf(decoder);
  let where = 'layer 1';
  const live = upstreamNodes(graph.graph.node, [
    logits,
    ...layers.flatMap((layer) => [...presentsOf(layer), layer.mixer.output, layer.ffn.output]),
  ]);
  const last = layers.at(-1)?.ffn.output ?? '';
  let isHead = false;
  for (const node of live) {
    if (!node.output.some((name) => graph.kindOf(name) === 'token')) continue;
    if (node.output.some((name) => noTokens.has(name))) continue;
    const known = node.output.map((name) => attended.get(name));
    const made = known.some((own) => own !== undefined)
      ? known.map((own): Held => own ?? 'mixed')
      : mixing.has(node)
        ? node.output.map((): Held => 'mixed')
        : [joined(node) ?? follow(node)].flat();
    node.output.forEach((name, index) => {
      const value = made[index] ?? made[0];
      if (name === '' || value === undefined || value === 'one') return;
      held.set(name, value);
      where = places.get(name) ?? where;
      if (name === last) isHead = true;
    });
  }
  checkPlaces(decoder, held);
  // Leading layers alone, of a decoder that is read in part, give no logits.
  if (graph.producer.has(logits)) {
    const where = 'after the last layer';
    checkPlace(held, { where, name: logits, axis: 1, rank: 3, isHead: true });
  }

  function dimsOf(name: string): readonly Size[] | undefined {
    const value = held.get(name);
    if (value !== undefined && value !== 'mixed') return value.dims;
    const info = graph.input.get(name);
    if (!info) return undefined;
    const isPositions = name === inputs.positionIds;
    const sizes = valueShape(info);
    const rows = isPositions ? sizes.length - 2 : 0;
    const isCache = pasts.has(name) && sizes.length === 4;
    return sizes.map((size, axis): Size => {
      if (typeof size === 'number') return size;
      if (axis === rows) return 'batch';
      if (isCache && axis === 2) return 'past';
      return isPositions && axis === rows + 1 ? 'tokens' : undefined;
    });
  }

  /** New latents after those of the cache; undefined where a node joins none. */
  function joined(node: NodeProto): Tokens | undefined {
    const [past = '', added = '', more] = node.opType === 'Concat' ? node.input : [];
    const value = held.get(added);
    if (!latents.has(originalOf(graph, past)) || more !== undefined) return undefined;
    if (value === undefined || value === 'mixed' || value.joined) return undefined;
    const { dims, axis, places } = value;
    const isAfter = [2, -2].includes(integerAttribute(node, 'axis', 0)) && axis === 2;
    if (!isAfter || dims.length !== 4 || places !== undefined) return undefined;
    return { dims: dims.with(axis, 'joined'), axis, joined: true };
  }

  function follow(node: NodeProto): readonly (Held | Made)[] {
    const values = node.input.map((name) => held.get(name));
    if (values.every((value) => value === undefined)) return ['one'];
    const stop = (found: string): never =>
      refuse({ where, expected: "each token's numbers to stay its own", found, node });
    const tokensOf = (name: string) => {
      const value = held.get(name);
      return value === 'mixed' ? undefined : value;
    };
    const isConstant = (index: number) => graph.kindOf(node.input[index] ?? '') === 'constant';
    const ofMixer = mixerRules.get(node);
    if (!ofMixer && values.includes('mixed')) {
      const isJoin = node.opType === 'Concat' || node.opType === 'MatMul';
      const stranger = values.some((value) => value !== undefined && value !== 'mixed');
      if (stranger && !isJoin) stop(`${node.opType} of tokens and of what attention mixed`);
      if (!mixers.has(node.opType) || node.domain !== '')
        stop(`${operatorName(node)} inside attention`);
      if (node.opType === 'Softmax' && ![-1, 3].includes(integerAttribute(node, 'axis', -1))) {
        stop('Softmax over something else than keys');
      }
      return ['mixed'];
    }
    const rule: AxisRule | undefined = ofMixer ?? axisRules.get(`${node.domain}:${node.opType}`);
    if (!rule) return stop(`${operatorName(node)}, which is not known to leave tokens apart`);
    return rule({
      graph,
      node,
      isHead,
      tokens: (index) => tokensOf(node.input[index] ?? ''),
      tokensOf,
      isConstant,
      sizes: (index) =>
        isConstant(index) ? constantShape(graph, node.input[index] ?? '') : undefined,
      dimsOf,
      refuse: stop,
    });
  }
}

/** Caches of latents. */
function latentPasts({ layers }: Decoder): ReadonlySet<string> {
  const latent = layers.filter(({ attention }) => attention?.reading.latent);
  return new Set(latent.flatMap(pastsOf));
}

/** What attention gives, before its last projection. */
function attendedValues({ graph, layers }: Decoder): Map<string, Tokens> {
  return new Map(
    layers.flatMap(({ attention }) => {
      if (!attention) return [];
      const { reading } = attention;
      const { family, shape, queries, node } = reading;
      const { headDim, valueDim = headDim } = shape;
      const name = family.attended(reading, graph.graph.node);
      const isFlat = node.output.includes(name) && queries.layout === 'flat';
      const dims: readonly Size[] = isFlat
        ? ['batch', 'tokens', shape.heads * valueDim]
        : ['batch', shape.heads, 'tokens', valueDim];
      return [[name, { dims, axis: dims.length - 2 }] as const];
    }),
  );
}

/** The layer that starts with a value. */
function placesOf({ layers }: Decoder): Map<string, string> {
  return new Map(
    layers.flatMap(({ streamIn, ffn }, index) => [
      [streamIn, `layer ${index + 1}`] as const,
      ...(index + 1 === layers.length ? [[ffn.output, 'after the last layer'] as const] : []),
    ]),
  );
}

/** Checks that tokens lie where the passes gather them. */
function checkPlaces({ layers, features }: Decoder, held: ReadonlyMap<string, Held>): void {
  const check = (where: string, name: string, axis: number, rank: number) =>
    checkPlace(held, { where, name, axis, rank });
  for (const [index, { streamIn, stack, mixer, attention, ffn }] of layers.entries()) {
    const where = `layer ${index + 1}`;
    if (stack) {
      checkPlace(held, { where, name: stack.predictions, axis: 2, rank: 4, rows: 1 });
      check(where, stack.active, 1, 3);
    }
    const flat = [streamIn, mixer.input, mixer.output, ffn.input, ffn.output];
    for (const name of [...flat, ...(attention?.projections ?? [])]) check(where, name, 1, 3);
    if (!attention) continue;
    const { reading, lender } = attention;
    const { queries, keys, values, latent } = reading;
    const place = (isJoined: boolean, { value, layout }: Pick<Heads, 'value' | 'layout'>) => {
      const axis = { flat: 1, heads: 2, transposed: 3 }[layout];
      checkPlace(held, { where, name: value, axis, rank: layout === 'flat' ? 3 : 4, isJoined });
    };
    place(false, queries);
    if (lender === undefined) place(latent !== undefined, keys);
    if (latent) place(true, { value: values, layout: 'heads' });
  }
  for (const { value, layer } of features) {
    const own = held.get(value);
    const rank = own === undefined || own === 'mixed' ? 3 : own.dims.length;
    check(`layer ${layer + 1}, features of each token`, value, 1, rank);
  }
}

/** Where tokens have to lie. */
interface Place {
  readonly where: string;
  readonly name: string;
  readonly axis: number;
  readonly rank: number;
  /** Some of the tokens may have been taken for the logits. */
  readonly isHead?: boolean;
  /** Those of a cache of latents stand before them. */
  readonly isJoined?: boolean;
  /** Where the rows of a batch lie; the first axis if left out. */
  readonly rows?: number;
}

function checkPlace(held: ReadonlyMap<string, Held>, place: Place): void {
  const { where, name, axis, rank, isHead = false, isJoined = false, rows = 0 } = place;
  const value = held.get(name);
  const isThere =
    value !== undefined &&
    value !== 'mixed' &&
    value.axis === axis &&
    value.dims.length === rank &&
    value.places === undefined &&
    (value.joined ?? false) === isJoined &&
    (isHead || value.chosen === undefined);
  if (isThere) {
    if (value.dims[rows] === 'batch') return;
    const expected = `rows of a batch along axis ${rows} of ${rank} in ${name}`;
    refuse({ where, expected, found: `[${value.dims.map((size) => size ?? '?').join(', ')}]` });
  }
  const found =
    value === undefined || value === 'mixed'
      ? 'no axis of tokens'
      : `tokens along axis ${value.axis} of ${value.dims.length}${value.places ? `, each at ${value.places} places` : ''}`;
  refuse({ where, expected: `tokens along axis ${axis} of ${rank} in ${name}`, found });
}
