/** Decode steps: those of several requests as one batch where the decoder knows padding. */
import { DecoderSession } from '@transprune/session';
import type { FinishReason } from './events.js';
import { logitsOfLastTokens } from './logits.js';
import type { Model, Task } from './task.js';

/** How a step went for a request. */
export interface Stepped {
  readonly task: Task;
  /** Why its answer ends, if it does. */
  readonly reason?: FinishReason | undefined;
  /** What the request fails with. */
  readonly error?: unknown;
}

/** Requests as the rows of a batch. */
interface Batch {
  readonly tasks: readonly Task[];
  readonly decoder: DecoderSession;
}

export class Stepper {
  private readonly model: Model;
  private readonly canBatch: boolean;
  private batch: Batch | undefined;

  constructor(model: Model) {
    this.model = model;
    // Only what was pruned for batches knows padding after a prune.
    this.canBatch = model.ports.stageMasks > 0;
  }

  /** Runs each request's last token, and chooses the next. */
  async step(tasks: readonly Task[]): Promise<Stepped[]> {
    if (this.canBatch && (this.batch || tasks.length > 1)) return this.stepTogether(tasks);
    const stepped: Stepped[] = [];
    for (const task of tasks) stepped.push(...(await this.run([task], task.decoder)));
    return stepped;
  }

  /** Gives a request its caches back, if they are rows of the batch. */
  async takeOut(task: Task): Promise<void> {
    const row = this.batch?.tasks.indexOf(task) ?? -1;
    if (row >= 0) task.decoder = await this.batch?.decoder.rows([row]);
  }

  /** Frees the batch; requests that are in it cannot go on. */
  dispose(): void {
    this.batch?.decoder.dispose();
    this.batch = undefined;
  }

  private async stepTogether(tasks: readonly Task[]): Promise<Stepped[]> {
    try {
      this.batch = await this.assemble(tasks);
    } catch (error) {
      this.dispose();
      return tasks.map((task) => ({ task, error }));
    }
    return this.run(this.batch.tasks, this.batch.decoder);
  }

  /** The batch of these requests; the one that there is, if they are its own. */
  private async assemble(tasks: readonly Task[]): Promise<Batch> {
    const { batch } = this;
    const staying = batch?.tasks.filter((task) => tasks.includes(task)) ?? [];
    const joining = tasks.filter((task) => !staying.includes(task));
    if (batch && joining.length === 0 && staying.length === batch.tasks.length) return batch;
    const parts = joining.flatMap(({ decoder: conversation }) =>
      conversation ? [{ conversation, rows: [0] }] : [],
    );
    if (batch && staying.length > 0) {
      const rows = staying.map((task) => batch.tasks.indexOf(task));
      parts.unshift({ conversation: batch.decoder, rows });
    }
    const decoder = await DecoderSession.gather(parts);
    for (const task of joining) {
      task.decoder?.dispose();
      task.decoder = undefined;
    }
    batch?.decoder.dispose();
    return { tasks: [...staying, ...joining], decoder };
  }

  private async run(
    tasks: readonly Task[],
    decoder: DecoderSession | undefined,
  ): Promise<Stepped[]> {
    try {
      if (!decoder) throw new Error('expected the caches of a request that goes on');
      const { embeddings, others } = await this.model.frontend.embedTokens(
        tasks.map(({ lastToken }) => lastToken),
      );
      const before = performance.now();
      const { logits } = await decoder.step({
        embeddings,
        others,
        positions: tasks.map(({ gap }) => gap),
        logitsToKeep: 1,
      });
      const rows = await logitsOfLastTokens(logits);
      const ms = performance.now() - before;
      return tasks.map((task, row) => {
        task.stepped(ms);
        if (task.isAborted) return { task, reason: 'aborted' };
        return { task, reason: task.accept(rows[row] ?? new Float32Array(0)) };
      });
    } catch (error) {
      return tasks.map((task) => ({ task, error }));
    }
  }
}
