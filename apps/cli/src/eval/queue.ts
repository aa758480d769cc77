/** Questions for workers on other machines. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { QueueAnswerer } from '@transprune/eval/queue';
import { calledModel, findModel, type Surroundings } from '../model/find.js';
import { readOriginal } from '../model/original.js';
import type { BudgetOptions } from '../options/budget-options.js';
import type { ModelOptions } from '../options/model-options.js';
import { type PlanOptions, planFor, planNotes } from '../options/plan-options.js';
import { type ReductionOptions, reductionOf } from '../options/reduction-options.js';
import { planLabel } from './plan-label.js';
import type { Respondent } from './respondent.js';
import type { Work, WorkModel } from './work.js';

/** Questions that are in the queue at a time, with their pictures. */
export const queuedQuestions = 64;

export interface QueuedOptions extends ModelOptions, PlanOptions, BudgetOptions, ReductionOptions {
  readonly maxNewTokens: number;
}

/**
 * Lends an answerer that hands its questions to workers.
 *
 * @param server that workers ask in place of a model of their own
 * @param answersPath tells this run from others in the same queue
 * @throws TransPruneError as `openQueue` does, and as `planFor` does
 */
export async function withQueue<T>(
  url: string,
  answersPath: string,
  server: Work['server'],
  options: QueuedOptions,
  around: Surroundings,
  use: (answerer: QueueAnswerer, respondent: Respondent) => Promise<T>,
): Promise<T> {
  const { maxNewTokens } = options;
  const described = server ? undefined : await modelOf(options, around);
  const called = described?.called ?? server?.model ?? '';
  const name = described ? `${called}: ${described.pruned.label}` : called;
  const work: Work = { maxNewTokens, server, model: described?.model };
  const { openQueue } = await import('@transprune/eval/queue');
  const run = `${hostname()} ${resolve(answersPath)} ${name}`;
  const answerer = await openQueue({ url, name, work, run });
  try {
    const workers = await answerer.workers();
    around.terminal.info(
      workers > 0
        ? `workers in the queue: ${workers}`
        : `no worker is in the queue yet: transprune eval worker --queue ${url}`,
    );
    const place = server ? 'a server that workers ask' : 'workers in a queue';
    return await use(answerer, { model: called, pruned: described?.pruned, place });
  } finally {
    await answerer.close();
  }
}

/** The model as workers are told it; its decoder is read here for the plan. */
async function modelOf(
  options: QueuedOptions,
  around: Surroundings,
): Promise<{
  readonly called: string;
  readonly pruned: NonNullable<Respondent['pruned']>;
  readonly model: WorkModel;
}> {
  const { format, revision } = options;
  const { io, terminal } = around;
  const files = await findModel(options.model, options, around, ['decoder_model_merged']);
  const { decoder, costing } = await readOriginal(files);
  const chosen = planFor(options, decoder, costing);
  for (const note of planNotes(chosen)) terminal.info(note);
  const { plan } = chosen;
  const reduction = reductionOf(options);
  const called = [calledModel(options.model, io), ...(format ? [format] : [])].join(' ');
  const name = await placeName(options.model ?? (io.env.TRANSPRUNE_MODEL || null), revision);
  return {
    called,
    pruned: { plan, label: planLabel(plan, reduction) },
    model: { name, revision, format, plan, reduction },
  };
}

/** A folder by its whole path. */
async function placeName(name: string | null, revision: string | undefined) {
  if (name === null) return null;
  const { placeOf } = await import('@transprune/files/node');
  const place = await placeOf(name, revision);
  return 'hub' in place ? place.hub : resolve(name);
}
