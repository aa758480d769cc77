/**
 * Who runs when. Requests wait in a queue of bounded length; a few are active at a time. In turns one new
 * request's prompt is run, then one step of all that are active: a long prompt delays steps once, and steps
 * never keep a prompt waiting.
 */
import { TransPruneError } from '@transprune/core';
import { breathe } from './breathe.js';
import type { FinishReason } from './events.js';
import { wholeNumber } from './options.js';
import { Stepper } from './stepper.js';
import type { Model, Task } from './task.js';

export interface SchedulerLimits {
  /** Requests that have caches at a time; 4 if left out. */
  readonly maxActive?: number | undefined;
  /** Requests that may wait; 64 if left out. */
  readonly maxWaiting?: number | undefined;
}

export class Scheduler {
  private readonly maxActive: number;
  private readonly maxWaiting: number;
  private readonly stepper: Stepper;
  private readonly waiting: Task[] = [];
  /** Their images are being read; a place is taken until that ends, even if nobody wants the answer any more. */
  private readonly opening = new Set<Task>();
  private readonly ready: Task[] = [];
  private active: Task[] = [];
  /** Its prompt is being run. */
  private starting: Task | undefined;
  private running: Promise<void> | undefined;
  private closed = false;

  /** @throws TransPruneError INVALID_ARGUMENT for limits that are no whole numbers */
  constructor(model: Model, { maxActive = 4, maxWaiting = 64 }: SchedulerLimits = {}) {
    wholeNumber('maxActive', maxActive, 1);
    wholeNumber('maxWaiting', maxWaiting, 0);
    this.maxActive = maxActive;
    this.maxWaiting = maxWaiting;
    this.stepper = new Stepper(model);
  }

  /**
   * Queues a request.
   *
   * @throws TransPruneError BUSY if too many wait
   */
  submit(task: Task): void {
    if (this.closed) throw engineIsDisposed();
    this.waiting.push(task);
    this.admit();
    if (this.waiting.length <= this.maxWaiting) return;
    this.waiting.splice(this.waiting.indexOf(task), 1);
    throw new TransPruneError(
      'BUSY',
      `expected at most ${this.maxWaiting} requests to wait, got one more; ask again later`,
      { waiting: this.waiting.length, active: this.taken, maxWaiting: this.maxWaiting },
    );
  }

  /** Ends a request. One that is running ends when the run is over. */
  cancel(task: Task): void {
    if (task.isDone || task.isAborted) return;
    task.isAborted = true;
    if (this.starting === task || this.active.includes(task)) return;
    for (const list of [this.waiting, this.ready]) {
      const at = list.indexOf(task);
      if (at >= 0) list.splice(at, 1);
    }
    task.finish('aborted');
    this.admit();
  }

  /** Ends all requests; settles when nothing runs. */
  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.waiting, ...this.opening, ...this.ready, ...this.active];
    if (this.starting) all.push(this.starting);
    for (const task of all) this.cancel(task);
    await this.running;
  }

  /** Places that are taken. */
  private get taken(): number {
    return this.opening.size + this.ready.length + this.active.length + (this.starting ? 1 : 0);
  }

  /** Fills free places, in the order of the queue; turns of a conversation one after the other. */
  private admit(): void {
    while (!this.closed && this.taken < this.maxActive) {
      const at = this.waiting.findIndex(({ conversation }) => !conversation?.isBusy);
      const [task] = at < 0 ? [] : this.waiting.splice(at, 1);
      if (!task) return;
      task.admit();
      this.opening.add(task);
      void this.open(task);
    }
  }

  private async open(task: Task): Promise<void> {
    try {
      await task.open();
    } catch (error) {
      task.fail(error);
    }
    this.opening.delete(task);
    if (task.isDone) return this.admit();
    this.ready.push(task);
    this.running ??= this.run();
  }

  private async run(): Promise<void> {
    while (this.ready.length > 0 || this.active.length > 0) {
      await this.startOne();
      await this.stepAll();
      await breathe();
    }
    this.running = undefined;
  }

  private async startOne(): Promise<void> {
    const task = this.ready.shift();
    if (!task) return;
    this.starting = task;
    try {
      const reason = await task.prefill();
      if (reason === undefined) this.active.push(task);
      else task.finish(reason);
    } catch (error) {
      task.fail(error);
    }
    this.starting = undefined;
    this.admit();
  }

  private async stepAll(): Promise<void> {
    for (const task of this.active.filter(({ isAborted }) => isAborted)) {
      await this.end(task, 'aborted');
    }
    if (this.active.length === 0) return;
    for (const { task, reason, error } of await this.stepper.step(this.active)) {
      if (error !== undefined) await this.end(task, { error });
      else if (reason !== undefined) await this.end(task, reason);
    }
  }

  private async end(task: Task, how: FinishReason | { readonly error: unknown }): Promise<void> {
    this.active = this.active.filter((other) => other !== task);
    try {
      if (typeof how === 'object') throw how.error;
      if (task.conversation && how !== 'aborted') await this.stepper.takeOut(task);
      task.finish(how);
    } catch (error) {
      task.fail(error);
    }
    if (this.active.length === 0) this.stepper.dispose();
    this.admit();
  }
}

/** What asking a disposed engine fails with. */
export function engineIsDisposed(): TransPruneError {
  return new TransPruneError(
    'INVALID_ARGUMENT',
    'expected an engine to ask, got one that is disposed; create another one',
  );
}
