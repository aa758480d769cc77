/**
 * The one way to step a decoder, pruned or not: feeds what the graph declares, and keeps caches, masks and
 * positions of a conversation from call to call.
 */
import {
  imageMaskInput,
  instructionMaskInput,
  keepRatiosInput,
  ports as names,
  TransPruneError,
} from '@transprune/core';
import type { ElementType, HostTensor, Session, SessionTensor, ValueInfo } from '../backend.js';
import { tensorBytes } from '../elements.js';
import type { DecoderAnswer } from './answer.js';
import { type CacheSizes, type DecoderPorts, decoderPorts, emptyShape } from './ports.js';
import {
  borrow,
  type ConversationState,
  emptyState,
  lend,
  mergeRows,
  release,
  type Shared,
  selectRows,
  shared,
} from './state.js';
import { hostTensor, withType, zeros } from './tensors.js';

/** What one call runs. Tensors stay the caller's. */
export interface DecoderCall {
  /** `[batch, tokens, hidden]` */
  readonly embeddings: HostTensor | SessionTensor;
  /** `[batch, tokens]`, 0 at padding; all are tokens if left out. */
  readonly valid?: ArrayLike<number> | undefined;
  /**
   * `[batch, tokens]` or `[rows, batch, tokens]`, counted from where the conversation stands: 0 is the
   * position after all that came before. One after the other if left out.
   */
  readonly positions?: ArrayLike<number> | undefined;
  /** How many last tokens get logits, where the graph lets one choose; all if left out. */
  readonly logitsToKeep?: number | undefined;
  /** Inputs of this graph's own, such as `per_layer_inputs`. */
  readonly others?: Readonly<Record<string, HostTensor | SessionTensor>> | undefined;
  /** Outputs that are wanted besides logits. */
  readonly fetch?: readonly string[] | undefined;
}

/** A call with a prompt, or a further turn. */
export interface PrefillCall extends DecoderCall {
  /** `[batch, tokens]`: the number of the image that a token belongs to, 0 at text; no image if left out. */
  readonly images?: ArrayLike<number> | undefined;
  /** `[batch, tokens]`, not 0 at tokens that are marked as the instruction; none if left out. */
  readonly instruction?: ArrayLike<number> | undefined;
  /** What each stage keeps, where the graph takes it. */
  readonly keepRatios?: readonly number[] | undefined;
}

export interface DecoderSessionOptions {
  /** For graphs that leave the sizes of their caches open. */
  readonly cacheSizes?: CacheSizes;
}

/**
 * One conversation, or several as the rows of a batch, on a decoder. The graph's session stays the caller's and
 * may serve many conversations; calls on one conversation must not overlap. A call that fails leaves the
 * conversation as it was.
 */
export class DecoderSession {
  readonly session: Session;
  readonly ports: DecoderPorts;
  private readonly cacheSizes: CacheSizes;
  private state: ConversationState;

  constructor(session: Session, { cacheSizes = {} }: DecoderSessionOptions = {}) {
    this.session = session;
    this.ports = decoderPorts(session);
    this.cacheSizes = cacheSizes;
    this.state = emptyState;
  }

  /**
   * Conversations on the same graph side by side, each row with what it had alone. Only graphs that know padding
   * take rows of unequal length: those pruned for batches.
   *
   * @returns a conversation of its own; those that came in stay usable
   */
  static async merge(conversations: readonly DecoderSession[]): Promise<DecoderSession> {
    const [first] = conversations;
    if (!first || conversations.some(({ session }) => session !== first.session)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        'expected conversations on one session to stand side by side, got none or several sessions',
      );
    }
    const states = conversations.map(({ state }) => state);
    return first.withState(await mergeRows(states, first.ports.state));
  }

  /** Rows of the batch; 0 before the first call. */
  get batch(): number {
    return this.state.attention.length;
  }

  /** Tokens and padding that each row has seen. */
  get seen(): number {
    return this.state.attention[0]?.length ?? 0;
  }

  /** The position that each row's next token takes. */
  get nextPosition(): readonly number[] {
    return this.state.nextPosition;
  }

  /** Length of each attention layer's cache, in the order of the layers. */
  get cacheLengths(): number[] {
    return this.ports.caches
      .filter(({ kind }) => kind === 'key')
      .sort((a, b) => a.layer - b.layer)
      .map(({ past }) => Number(this.state.tensors.get(past)?.tensor.dims[2] ?? 0));
  }

  /** Bytes that the caches of all layers take. */
  get cacheBytes(): number {
    return this.ports.caches.reduce((sum, { past }) => {
      const cell = this.state.tensors.get(past);
      return sum + (cell ? tensorBytes(cell.tensor) : 0);
    }, 0);
  }

  /**
   * Runs a prompt, or a further turn on top of what came before.
   *
   * @throws TransPruneError INVALID_ARGUMENT for feeds that do not fit each other, UNSUPPORTED_MODEL for an input
   *   that nothing is known to feed, RUN_FAILED if the graph fails
   */
  prefill(call: PrefillCall): Promise<DecoderAnswer> {
    return this.run(call);
  }

  /**
   * Runs one token of each row.
   *
   * @throws TransPruneError as `prefill` does, INVALID_ARGUMENT for more or fewer tokens too
   */
  async step(call: DecoderCall): Promise<DecoderAnswer> {
    const [, tokens] = call.embeddings.dims;
    if (tokens === 1) return this.run(call);
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a step of one token of each row, got ${tokens ?? 'no'} tokens; use prefill for several`,
      { expected: 1, got: tokens },
    );
  }

  /** The same conversation once more: both go on from here, each for itself; nothing is copied. */
  fork(): DecoderSession {
    return this.withState(borrow(this.state));
  }

  /** Some of the rows, as a conversation of its own. */
  async rows(rows: readonly number[]): Promise<DecoderSession> {
    return this.withState(await selectRows(this.state, rows, this.ports.state));
  }

  /** Frees the caches, unless a fork still needs them; the next call starts a new conversation. */
  dispose(): void {
    release(this.state);
    this.state = emptyState;
  }

  private withState(state: ConversationState): DecoderSession {
    const other = new DecoderSession(this.session, { cacheSizes: this.cacheSizes });
    other.state = state;
    return other;
  }

  private async run(call: PrefillCall): Promise<DecoderAnswer> {
    const { state: before } = this;
    const [batch = 1, tokens = 1] = call.embeddings.dims;
    checkRows(before, batch);
    const rows = advance(before, batch, tokens, call);
    const feeds = Object.fromEntries(
      [...this.ports.inputs.values()].map((info) => [info.name, this.feed(info, call, rows)]),
    );
    const { fetch = [] } = call;
    const stateOutputs = this.ports.state.map(({ output }) => output);
    const wanted = [...new Set([names.logits, ...stateOutputs, ...fetch])];
    const results = await this.session.run(feeds, wanted);
    const { logits } = results;
    if (!logits) {
      for (const tensor of Object.values(results)) tensor.dispose();
      throw new TransPruneError(
        'UNSUPPORTED_MODEL',
        `expected a decoder that gives ${names.logits}, got none`,
        { output: names.logits },
      );
    }
    const tensors = new Map<string, Shared>();
    for (const { input, output } of this.ports.state) {
      const made = results[output];
      if (made) tensors.set(input, shared(made));
    }
    this.state = { tensors, attention: rows.attention, nextPosition: rows.nextPosition };
    release(before);
    return {
      logits,
      outputs: Object.fromEntries(
        fetch.flatMap((name) => {
          const tensor = results[name];
          if (!tensor || name === names.logits) return [];
          const port = this.ports.state.find(({ output }) => output === name);
          const cell = port && tensors.get(port.input);
          return [[name, cell ? lend(tensor, cell) : tensor] as const];
        }),
      ),
    };
  }

  /** The tensor for an input. */
  private feed(info: ValueInfo, call: PrefillCall, rows: Rows): HostTensor | SessionTensor {
    const { name, type, shape } = info;
    const { batch, tokens } = rows;
    const perToken = (values: ArrayLike<number> | undefined) =>
      values ? hostTensor(type, values, [batch, tokens]) : zeros(type, [batch, tokens]);
    const own = call.others?.[name];
    if (own) return withType(own, type);
    switch (name) {
      case names.embeddings:
        return withType(call.embeddings, type);
      case names.attentionMask:
        return maskTensor(type, rows.attention);
      case names.positionIds:
        return positionTensor(info, rows);
      case imageMaskInput:
        return perToken(call.images);
      case instructionMaskInput:
        return perToken(call.instruction);
      case keepRatiosInput: {
        const ratios = call.keepRatios ?? new Array<number>(Number(shape[0]) || 0).fill(1);
        return hostTensor(type, ratios, [ratios.length]);
      }
      case names.useCacheBranch:
        return hostTensor(type, [this.batch > 0 ? 1 : 0], [1]);
      default:
    }
    if ((names.logitsToKeep as readonly string[]).includes(name)) {
      const kept = Math.min(call.logitsToKeep ?? tokens, tokens);
      return hostTensor(
        type,
        [kept],
        shape.map(() => 1),
      );
    }
    const known = this.state.tensors.get(name);
    if (known) return known.tensor;
    const port = this.ports.state.find(({ input }) => input === name);
    if (port && this.batch === 0) {
      return zeros(type, emptyShape(port, info, batch, this.cacheSizes));
    }
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected inputs that a decoder is known to take, got ${name} [${shape.join(', ')}]; pass a tensor for it in others`,
      { input: name },
    );
  }
}

/** The rows of a call: what was seen with it, and where its tokens stand. */
interface Rows extends Pick<ConversationState, 'attention' | 'nextPosition'> {
  readonly batch: number;
  readonly tokens: number;
  /** Absolute, by kind of position (one, or those of M-RoPE), then `[batch, tokens]`. */
  readonly positions: readonly (readonly number[])[];
  /** Places among the tokens of the row, `[batch, tokens]`. */
  readonly places: readonly number[];
}

function checkRows({ attention }: ConversationState, batch: number): void {
  if (attention.length === 0 || attention.length === batch) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected embeddings of ${attention.length} rows, as in the calls before, got ${batch}`,
    { expected: attention.length, got: batch },
  );
}

/** What a call adds to each row. */
function advance(
  before: ConversationState,
  batch: number,
  tokens: number,
  { valid, positions: given }: PrefillCall,
): Rows {
  const size = batch * tokens;
  const isToken = (at: number) => (valid ? valid[at] !== 0 : true);
  const kinds = given ? given.length / size : 1;
  if (valid && valid.length !== size)
    throw wrongLength('valid', `${batch} x ${tokens}`, valid.length);
  if (kinds < 1 || !Number.isInteger(kinds)) {
    throw wrongLength('positions', `1 or 3 times ${batch} x ${tokens}`, given?.length ?? 0);
  }
  const places: number[] = [];
  const positions = Array.from({ length: kinds }, () => new Array<number>(size).fill(0));
  const attention: number[][] = [];
  const nextPosition: number[] = [];
  for (let row = 0; row < batch; row++) {
    const start = before.nextPosition[row] ?? 0;
    const seen = before.attention[row] ?? [];
    let last = start - 1;
    let counted = 0;
    for (let token = 0; token < tokens; token++) {
      const at = row * tokens + token;
      places.push(isToken(at) ? counted : 0);
      if (!isToken(at)) continue;
      positions.forEach((kind, k) => {
        const position = start + (given ? (given[k * size + at] ?? 0) : counted);
        kind[at] = position;
        last = Math.max(last, position);
      });
      counted++;
    }
    const own = Array.from({ length: tokens }, (_, token) =>
      isToken(row * tokens + token) ? 1 : 0,
    );
    attention.push([...seen, ...own]);
    nextPosition.push(last + 1);
  }
  return { batch, tokens, attention, nextPosition, positions, places };
}

/** A mask as the graph takes it; the longest feed of a decode step, so it is made without detours. */
function maskTensor(type: ElementType, rows: readonly (readonly number[])[]): HostTensor {
  const width = rows[0]?.length ?? 0;
  const dims = [rows.length, width];
  if (type !== 'int64') return hostTensor(type, rows.flat(), dims);
  const data = new BigInt64Array(rows.length * width).fill(1n);
  rows.forEach((row, at) => {
    for (let token = 0; token < width; token++) {
      if (row[token] === 0) data[at * width + token] = 0n;
    }
  });
  return { type, dims, data };
}

/** Positions as the graph takes them: one row, three, or four, the first of which counts tokens. */
function positionTensor({ type, shape }: ValueInfo, rows: Rows): HostTensor {
  const { batch, tokens, positions } = rows;
  const [first = []] = positions;
  if (shape.length < 3) return hostTensor(type, first, [batch, tokens]);
  const wanted = typeof shape[0] === 'number' && shape[0] > 0 ? shape[0] : 3;
  const given = positions.length === 1 ? [first, first, first] : positions;
  const all: readonly (readonly number[])[] =
    wanted > given.length ? [seenPlaces(rows), ...given] : given;
  return hostTensor(type, all.slice(0, wanted).flat(), [wanted, batch, tokens]);
}

/** Places of the call's tokens among all tokens of their row. */
function seenPlaces({ batch, tokens, attention, places }: Rows): number[] {
  return Array.from({ length: batch * tokens }, (_, at) => {
    const row = attention[Math.floor(at / tokens)] ?? [];
    const before = row.slice(0, row.length - tokens).reduce((sum, value) => sum + value, 0);
    return before + (places[at] ?? 0);
  });
}

function wrongLength(field: string, expected: string, got: number): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    `expected ${field} of ${expected} numbers, got ${got}`,
    { field, got },
  );
}
