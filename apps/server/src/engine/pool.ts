/** The engines of a server: who gets which, how many may wait, and what happens when one dies. */
import type { Engine } from '@transprune/vlm';
import { ApiError, unavailable } from '../api/errors.js';
import type { EngineHandle, StartEngine } from './handle.js';
import type { ModelFacts } from './model-facts.js';

export interface PoolOptions {
  /** Engines, each with a copy of the model. */
  readonly engines: number;
  /** Requests that an engine computes at a time. */
  readonly active: number;
  /** Further requests that may wait for each engine. */
  readonly waiting: number;
  /** Is told when an engine died, or could not be started again. */
  readonly onTrouble?: (what: string, error?: unknown) => void;
}

/** A request's place at an engine. */
export interface Seat {
  /** Settles when it is among those that the engine computes. */
  readonly turn: Promise<void>;
  readonly engine: Engine;
  /** True if the engine has ended. */
  readonly isLost: boolean;
  /** Gives the place back. */
  release(): void;
  /** Ends the engine, which does not do what it is asked; another one takes its place. */
  kill(): void;
}

interface Slot {
  handle: EngineHandle | undefined;
  /** Requests in the order in which they came: the first are computed, the others wait to be told. */
  readonly seats: Set<() => void>;
}

/** Milliseconds before an engine that died, or did not start, is started again. */
const restartDelays = [0, 1000, 5000, 15_000, 30_000];

export class EnginePool {
  private readonly start: StartEngine;
  private readonly options: PoolOptions;
  private readonly slots: Slot[];
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly closing = new AbortController();
  /** No more requests are taken, and engines that die are not replaced. */
  private isRetired = false;
  /** Of the latest requests, for guessing when there is a place again. */
  private meanMs = 1000;

  constructor(start: StartEngine, options: PoolOptions) {
    this.start = start;
    this.options = options;
    this.slots = Array.from({ length: options.engines }, () => ({
      handle: undefined,
      seats: new Set(),
    }));
  }

  /**
   * Starts all engines.
   *
   * @throws what one failed with, or ApiError 503 if the pool is closed meanwhile; then none is left
   */
  async open(): Promise<ModelFacts> {
    const started = await Promise.allSettled(
      this.slots.map(async (slot) => {
        const handle = await this.start(this.closing.signal);
        this.adopt(slot, handle);
        return handle.facts;
      }),
    );
    const failed = started.find((each) => each.status === 'rejected');
    if (failed || this.isRetired) {
      const isEnded = this.isRetired;
      await this.close();
      throw isEnded ? unavailable('shutting_down', 'the server was closed') : failed?.reason;
    }
    const [first] = started;
    if (first?.status !== 'fulfilled') throw new Error('expected at least one engine');
    return first.value;
  }

  /** True if a request can be answered. */
  get isReady(): boolean {
    return !this.isRetired && this.slots.some(({ handle }) => handle !== undefined);
  }

  /** Requests that are computed. */
  get running(): number {
    const { active } = this.options;
    return this.slots.reduce((sum, { seats }) => sum + Math.min(seats.size, active), 0);
  }

  /** Requests that wait for one of those to end. */
  get waiting(): number {
    return this.slots.reduce((sum, { seats }) => sum + seats.size, 0) - this.running;
  }

  /**
   * Makes sure that there is a place just now.
   *
   * @returns the engine with the most room
   * @throws ApiError 429 if all are taken, 503 if no engine runs
   */
  checkRoom(): { readonly handle: EngineHandle; readonly seats: Slot['seats'] } {
    const ready = this.slots.filter(({ handle }) => handle !== undefined);
    const [slot] = ready.sort((a, b) => a.seats.size - b.seats.size);
    if (this.isRetired || !slot?.handle) {
      throw unavailable('engine_unavailable', 'no engine is running just now; ask again later');
    }
    const { active, waiting } = this.options;
    if (slot.seats.size >= active + waiting) throw this.busy();
    return { handle: slot.handle, seats: slot.seats };
  }

  /**
   * Takes a place at the engine with the most room.
   *
   * @throws ApiError as `checkRoom` does
   */
  seat(): Seat {
    const { handle, seats } = this.checkRoom();
    const { active } = this.options;
    const since = performance.now();
    let begin = () => {};
    const turn = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const beginFirst = () => {
      for (const each of [...seats].slice(0, active)) each();
    };
    seats.add(begin);
    beginFirst();
    return {
      turn,
      engine: handle.engine,
      get isLost() {
        return handle.isGone;
      },
      release: () => {
        if (!seats.delete(begin)) return;
        beginFirst();
        this.meanMs += (performance.now() - since - this.meanMs) / 16;
      },
      kill: () => handle.kill(),
    };
  }

  /** Takes no more requests; those that have a place go on. */
  retire(): void {
    this.isRetired = true;
  }

  /** Ends all engines, those that start too. */
  async close(): Promise<void> {
    this.retire();
    this.closing.abort();
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.slots.map(({ handle }) => handle?.stop()));
  }

  private adopt(slot: Slot, handle: EngineHandle): void {
    slot.handle = handle;
    void handle.gone.then(() => {
      slot.handle = undefined;
      if (this.isRetired) return;
      this.options.onTrouble?.('an engine died; another one is started');
      this.restart(slot, 0);
    });
  }

  private restart(slot: Slot, attempt: number): void {
    const delay = restartDelays[Math.min(attempt, restartDelays.length - 1)] ?? 0;
    const timer = setTimeout(async () => {
      this.timers.delete(timer);
      try {
        const handle = await this.start(this.closing.signal);
        if (this.isRetired) return await handle.stop();
        this.adopt(slot, handle);
      } catch (error) {
        if (this.isRetired) return;
        this.options.onTrouble?.('an engine could not be started', error);
        this.restart(slot, attempt + 1);
      }
    }, delay);
    this.timers.add(timer);
  }

  private busy(): ApiError {
    const { active, engines } = this.options;
    const ms = (this.meanMs * (this.waiting + 1)) / (active * engines);
    const seconds = Math.min(60, Math.max(1, Math.ceil(ms / 1000)));
    return new ApiError(
      429,
      'server_busy',
      `all places are taken, ${this.running} requests are computed and ${this.waiting} wait; ask again in ${seconds} s`,
      { headers: { 'Retry-After': String(seconds) } },
    );
  }
}
