/**
 * The one way to step a decoder, pruned or not: feeds what the graph declares, and keeps caches, masks and
 * positions of a conversation from call to call.
 */
import { ports as names, TransPruneError } from '@transprune/core';
import type { HostTensor, Session, SessionTensor, ValueInfo } from '../backend.js';
import { tensorBytes } from '../elements.js';
import type { DecoderAnswer } from './answer.js';
import type { DecoderCall, PrefillCall } from './call.js';
import { checkCall, checkMerge, checkRoom, checkRowsTaken } from './check.js';
import { feeds } from './feeds.js';
import { gatherRows } from './gather.js';
import { type CacheSizes, type DecoderPorts, decoderPorts, emptyShape } from './ports.js';
import { advance, type Rows } from './rows.js';
import {
  borrow,
  type ConversationState,
  emptyState,
  lend,
  release,
  type Shared,
  shared,
} from './state.js';
import { withType, zeros } from './tensors.js';

export interface DecoderSessionOptions {
  /** For graphs that leave the sizes of their caches open. */
  readonly cacheSizes?: CacheSizes;
  /**
   * Tokens that attention's caches have room for from the start, as they have in runtimes that write to them in place
   * (`past_present_share_buffer`); left out, they are as long as what they hold. Takes a decoder whose attention is told
   * lengths, unpruned or pruned with `cache: 'fixed'`; others fail or, unpruned, answer wrongly.
   */
  readonly cacheRoom?: number;
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
  private readonly cacheRoom: number;
  private state: ConversationState;

  /** @throws TransPruneError INVALID_ARGUMENT for a room that is no whole number */
  constructor(session: Session, { cacheSizes = {}, cacheRoom = 0 }: DecoderSessionOptions = {}) {
    checkRoom(cacheRoom);
    this.session = session;
    this.ports = decoderPorts(session);
    this.cacheSizes = cacheSizes;
    this.cacheRoom = cacheRoom;
    this.state = emptyState;
  }

  /**
   * Conversations on the same graph side by side, each row with what it had alone. Only graphs that know padding
   * take rows of unequal length: of those that are pruned, the ones pruned for batches. Whether an unpruned graph
   * does cannot be seen from its inputs: attention that is spelled out in plain nodes knows padding as a rule, an
   * attention node may ignore the mask.
   *
   * @returns a conversation of its own; those that came in stay usable
   * @throws TransPruneError INVALID_ARGUMENT for conversations on several sessions, or before their first call, for
   *   unequal lengths on a graph that was not pruned for batches, and for caches with room for more
   */
  static async merge(conversations: readonly DecoderSession[]): Promise<DecoderSession> {
    return DecoderSession.gather(
      conversations.map((conversation) => {
        const { batch } = conversation;
        return { conversation, rows: Array.from({ length: batch }, (_, row) => row) };
      }),
    );
  }

  /**
   * As `merge`, of some of the rows of each.
   *
   * @throws TransPruneError as `merge` does, INVALID_ARGUMENT for no rows, or rows that there are not, too
   */
  static async gather(
    parts: readonly { readonly conversation: DecoderSession; readonly rows: readonly number[] }[],
  ): Promise<DecoderSession> {
    const [first] = parts.map(({ conversation }) => conversation);
    if (!first || parts.some(({ conversation }) => conversation.session !== first.session)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        'expected conversations on one session to stand side by side, got none or several sessions',
      );
    }
    for (const { conversation, rows } of parts) checkRowsTaken(rows, conversation.batch);
    const taken = parts.map(({ conversation: { state }, rows }) => ({ state, rows }));
    checkMerge(
      taken.map(({ state }) => state),
      first.ports,
      first.cacheRoom,
    );
    return first.withState(await gatherRows(taken, first.ports.state));
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

  /** Length of each attention layer's cache, in the order of the layers; with room for more, that is part of it. */
  get cacheLengths(): number[] {
    return this.ports.keyCaches.map(({ past }) =>
      Number(this.state.tensors.get(past)?.tensor.dims[2] ?? 0),
    );
  }

  /** Bytes that the caches of all layers take. */
  get cacheBytes(): number {
    return this.ports.caches.reduce((sum, { past }) => {
      const cell = this.state.tensors.get(past);
      return sum + (cell ? tensorBytes(cell.tensor) : 0);
    }, 0);
  }

  /** Bytes that one more token of one row adds to the caches of all layers; 0 before the first call. */
  get cacheBytesPerToken(): number {
    return this.ports.state.reduce((sum, { input, lengthAxis, kind }) => {
      const tensor = this.state.tensors.get(input)?.tensor;
      if (!tensor || kind === 'mask' || lengthAxis === undefined) return sum;
      const dims = tensor.dims.filter((_, axis) => axis !== 0 && axis !== lengthAxis);
      return sum + tensorBytes({ type: tensor.type, dims });
    }, 0);
  }

  /**
   * Runs a prompt, or a further turn on top of what came before.
   *
   * @throws TransPruneError INVALID_ARGUMENT for feeds that do not fit each other or the graph, such as padding where
   *   a graph was not pruned for batches, UNSUPPORTED_MODEL for an input that nothing is known to feed, RUN_FAILED if
   *   the graph fails
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

  /**
   * Some of the rows, as a conversation of its own.
   *
   * @throws TransPruneError INVALID_ARGUMENT for no rows, or rows that there are not
   */
  rows(rows: readonly number[]): Promise<DecoderSession> {
    return DecoderSession.gather([{ conversation: this, rows }]);
  }

  /** Frees the caches, unless a fork still needs them; the next call starts a new conversation. */
  dispose(): void {
    release(this.state);
    this.state = emptyState;
  }

  private withState(state: ConversationState): DecoderSession {
    const other = new DecoderSession(this.session, {
      cacheSizes: this.cacheSizes,
      cacheRoom: this.cacheRoom,
    });
    other.state = state;
    return other;
  }

  private async run(call: PrefillCall): Promise<DecoderAnswer> {
    const { state: before } = this;
    checkCall(call, this.ports);
    const [batch = 1, tokens = 1] = call.embeddings.dims;
    const rows = advance(before, batch, tokens, call);
    const fed = Object.fromEntries(
      [...this.ports.inputs.values()].map((info) => [info.name, this.feed(info, call, rows)]),
    );
    const { fetch = [] } = call;
    const stateOutputs = this.ports.state.map(({ output }) => output);
    const wanted = [...new Set([names.logits, ...stateOutputs, ...fetch])];
    const results = await this.session.run(fed, wanted);
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
    const own = call.others?.[name];
    if (own) return withType(own, type);
    const made = feeds.get(name)?.(info, { call, rows, hasPast: this.batch > 0 });
    if (made) return made;
    const known = this.state.tensors.get(name);
    if (known) return known.tensor;
    const port = this.ports.state.find(({ input }) => input === name);
    if (port && this.batch === 0) {
      return zeros(type, emptyShape(port, info, rows.batch, this.cacheSizes, this.cacheRoom));
    }
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected inputs that a decoder is known to take, got ${name} [${shape.join(', ')}]; pass a tensor for it in others`,
      { input: name },
    );
  }
}
