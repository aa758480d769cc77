/** What one decoder answers, and where the answers are kept. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { planLabel } from '../eval/plan-label.js';
import { byDecoder, isUnpruned, type Schedule } from './schedules.js';

/** One that is asked. */
export interface Asked {
  /** Left out for the unpruned that others are timed beside. */
  readonly schedule?: Schedule;
  /** Noted beside each answer. */
  readonly name: string;
  readonly answersPath: string;
  /** Is asked the first questions alone; all if left out. */
  readonly limit?: number;
}

/** Schedules of one decoder, whose keep ratios are an input, and one reduction or none before it. */
export interface Group {
  readonly schedules: readonly Schedule[];
  /** Asked in turns; the unpruned comes first. */
  readonly asked: readonly Asked[];
}

export interface GroupOptions {
  /** Where answers are kept, a file a schedule. */
  readonly folder: string;
  /** What the model and the questions are called: answers of others are in other files. */
  readonly model: string;
  readonly source: string;
  readonly maxNewTokens: number;
  /** Of the questions, the first ones that are timed beside the unpruned. */
  readonly timed: number;
}

export function groupsOf(
  schedules: readonly Schedule[],
  { timed, ...places }: GroupOptions,
): Group[] {
  return byDecoder(schedules).map((own) => {
    const asked = own.map((schedule) => ({
      ...placeOf(planLabel(schedule.plan, schedule.reduction), schedule.name, places),
      schedule,
    }));
    const [first] = own;
    if (!first || isUnpruned(first)) return { schedules: own, asked };
    const called = `unpruned beside ${first.family}`;
    return {
      schedules: own,
      asked: [{ ...placeOf(called, called, places), limit: timed }, ...asked],
    };
  });
}

type Places = Omit<GroupOptions, 'timed'>;

function placeOf(label: string, called: string, { folder, model, source, maxNewTokens }: Places) {
  const name = `${model}: ${label}`;
  const whole = JSON.stringify([name, source, maxNewTokens]);
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, 8);
  const file = called.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '');
  return { name, answersPath: join(folder, `${file}-${hash}.jsonl`) };
}
