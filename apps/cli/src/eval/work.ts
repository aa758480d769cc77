/** What workers are told about who is to answer. */
import { createPlan, type PrunePlan, type Reduction, TransPruneError } from '@transprune/core';
import { z } from 'zod';

const serverSchema = z.object({ baseUrl: z.string(), model: z.string() });

const modelSchema = z.object({
  /** A folder, or an id on the hub; null for the small model that comes along. */
  name: z.string().nullable(),
  revision: z.string().optional(),
  format: z.string().optional(),
  plan: z.looseObject({ stages: z.array(z.looseObject({})) }),
  reduction: z.looseObject({}).optional(),
});

const workSchema = z.object({
  maxNewTokens: z.number().int().positive(),
  server: serverSchema.optional(),
  model: modelSchema.optional(),
});

/** A model that workers open, and the plan by which they prune it. */
export interface WorkModel {
  readonly name: string | null;
  readonly revision?: string | undefined;
  readonly format?: string | undefined;
  readonly plan: PrunePlan;
  readonly reduction?: Reduction | undefined;
}

export interface Work {
  readonly maxNewTokens: number;
  /** One of the two. */
  readonly server?: { readonly baseUrl: string; readonly model: string } | undefined;
  readonly model?: WorkModel | undefined;
}

/** @throws TransPruneError INVALID_ARGUMENT if it is none, such as that of another version */
export function parseWork(data: unknown): Work {
  const found = workSchema.safeParse(data);
  if (!found.success || !(found.data.server ?? found.data.model)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a question of this version of transprune eval in the queue, got one whose model is not understood${found.success ? '' : `: ${z.prettifyError(found.error)}`}`,
    );
  }
  const { model, ...work } = found.data;
  if (!model) return work;
  // What plan and reduction may hold is checked where they are applied.
  const plan = createPlan(model.plan as unknown as PrunePlan);
  return {
    ...work,
    model: { ...model, plan, reduction: model.reduction as Reduction | undefined },
  };
}
