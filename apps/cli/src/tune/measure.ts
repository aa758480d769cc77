/** Asks the questions of every schedule: those of one decoder in turns, beside the unpruned. */
import type { Reduction } from '@transprune/core';
import type { Entrant, FiledAnswer, Problem, Question } from '@transprune/eval';
import type { VlmFiles } from '@transprune/files';
import { pruneModel } from '@transprune/onnx';
import type { LocalEngine } from '@transprune/vlm';
import { engineAnswerer } from '../eval/engine-answerer.js';
import { patienceWith } from '../eval/patience.js';
import type { Surroundings } from '../model/find.js';
import type { OriginalDecoder } from '../model/original.js';
import { type TemporaryFolders, temporaryModel } from '../model/temporary.js';
import type { DeviceOptions } from '../options/device-option.js';
import type { ThreadOptions } from '../options/thread-option.js';
import { timeLeft } from '../show/time-left.js';
import { type Asked, type Group, type GroupOptions, groupsOf } from './groups.js';
import { type Schedule, unprunedSchedule } from './schedules.js';

export interface MeasureOptions extends GroupOptions, DeviceOptions, Partial<ThreadOptions> {
  readonly files: VlmFiles;
  readonly original: OriginalDecoder;
  readonly questions: readonly Question[];
  /** That some schedules have before their plan. */
  readonly reduction?: Reduction | undefined;
  /** What is held against the unpruned, whose answers tell how long prompts are. */
  readonly schedulesBeside: (unpruned: Answers) => readonly Schedule[];
}

/** Answers by question. */
export type Answers = ReadonlyMap<string, FiledAnswer>;

/** What one schedule answered. */
export interface Measured {
  readonly schedule: Schedule;
  readonly answers: Answers;
  /** Of the unpruned in turns with it. */
  readonly beside: Answers;
}

export interface Measurement {
  readonly device: string;
  /** The unpruned first, then the others as they were given. */
  readonly measured: readonly Measured[];
  /** Questions whose answer failed, of any schedule; they stay open. */
  readonly failures: readonly Problem[];
}

/** Image features of one picture, however many tiles it has. */
const visionCacheBytes = 256e6;

/**
 * @throws TransPruneError RUN_FAILED if a decoder answers nothing, and as `runInTurns`, `createEngine` and `pruneModel`
 *   do
 */
export async function measure(
  options: MeasureOptions,
  folders: TemporaryFolders,
  { io, terminal }: Surroundings,
): Promise<Measurement> {
  const [{ createNodeBackend }, { createEngine }, { runInTurns }] = await Promise.all([
    import('@transprune/backend-node'),
    import('@transprune/vlm'),
    import('@transprune/eval'),
  ]);
  const { files, original, questions, device, threads, model, maxNewTokens, reduction } = options;
  const backend = createNodeBackend({ threads });
  const opening = { files, backend, device, visionCacheBytes };
  const unpruned = await createEngine(opening);
  let reduced: LocalEngine | undefined;
  const measured: Measured[] = [];
  const failures: Problem[] = [];

  const askGroup = async (group: Group, { isOpen, before, onDone }: Turn, pruned: LocalEngine) => {
    const patience = patienceWith(`${model}, ${group.schedules[0]?.family}`);
    const signal = AbortSignal.any([io.signal, patience.signal]);
    const entrants: Entrant[] = [];
    for (const { schedule, name, answersPath, limit } of group.asked) {
      const chosen = { name, maxNewTokens, keepRatios: ratiosOf(schedule) };
      const answerer = await engineAnswerer(schedule ? pruned : unpruned, chosen);
      entrants.push({ answerer, answersPath, limit });
    }
    if (isOpen) await warmUp(entrants, questions, signal);
    const result = await runInTurns(questions, entrants, {
      signal,
      onProgress(progress) {
        onDone(progress.done);
        const { failures: failed } = progress;
        const answered = progress.done - failed.length;
        patience.watch({ open: progress.open, answered, before }, failed);
      },
    });
    signal.throwIfAborted();
    failures.push(...result.failures);
    const beside = result.answers[0] ?? new Map();
    for (const [at, { schedule }] of group.asked.entries()) {
      if (schedule) measured.push({ schedule, answers: result.answers[at] ?? new Map(), beside });
    }
  };

  const askAll = async (schedules: readonly Schedule[]) => {
    const timed = lengthWith(questions, measured[0]?.answers, options.timed);
    const groups = groupsOf(schedules, { ...options, timed });
    const open = await Promise.all(groups.map((group) => openIn(group, questions)));
    const all = sum(open.map(({ count }) => count));
    const known = sum(open.map(({ answered }) => answered));
    if (known > 0) terminal.info(`${known} of ${known + all} answers were there before`);
    const start = performance.now();
    let passed = 0;
    for (const [at, group] of groups.entries()) {
      const count = open[at]?.count ?? 0;
      const onDone = (now: number) => {
        const done = passed + now;
        const line = () => timeLeft('answer', done, all, start, performance.now());
        terminal.progress(done < all ? line() : '');
      };
      const turn = { isOpen: count > 0, before: open[at]?.answered ?? 0, onDone };
      const [first] = group.schedules;
      const whole = (first?.reduction && reduced) || unpruned;
      // Nothing is opened for answers that are there.
      if (!first || first.plan.stages.length === 0 || count === 0) {
        await askGroup(group, turn, whole);
      } else {
        const rewritten = pruneModel(original.original, first.plan, { runtimeRatios: true });
        const source = await temporaryModel(rewritten.model, original.path, folders);
        const pruned = await whole.withDecoder({ ...source, keepRatios: ratiosOf(first) ?? [] });
        try {
          await askGroup(group, turn, pruned);
        } finally {
          await pruned.dispose();
        }
      }
      passed += count;
    }
  };

  try {
    // Before anything is asked: not all models can be reduced so.
    if (reduction) reduced = await createEngine({ ...opening, reduction });
    const alone = unprunedSchedule(original.decoder);
    await askAll([alone]);
    const schedules = options.schedulesBeside(measured[0]?.answers ?? new Map());
    await askAll(schedules);
    const place = new Map([alone, ...schedules].map((schedule, at) => [schedule, at]));
    measured.sort((a, b) => (place.get(a.schedule) ?? 0) - (place.get(b.schedule) ?? 0));
  } finally {
    terminal.progress('');
    await reduced?.dispose();
    await unpruned.dispose();
  }
  return { device: unpruned.device, measured, failures };
}

interface Turn {
  /** Whether anything is to be asked. */
  readonly isOpen: boolean;
  /** Answers that were there before. */
  readonly before: number;
  readonly onDone: (answers: number) => void;
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Of the questions so many first ones that `count` of them were answered; all where fewer were. */
function lengthWith(questions: readonly Question[], answers: Answers | undefined, count: number) {
  if (!answers) return count;
  const places = questions.flatMap(({ id }, at) => (answers.has(id) ? [at + 1] : []));
  return places[count - 1] ?? questions.length;
}

/** How many answers of a group are there, and how many are to be got. */
async function openIn({ asked }: Group, questions: readonly Question[]) {
  const { answeredBefore } = await import('@transprune/eval');
  const counts = asked.map(async ({ name, answersPath, limit }: Asked) => {
    const known = await answeredBefore(questions, { answerer: { name }, answersPath });
    const wanted = questions.slice(0, limit);
    return { wanted: wanted.length, answered: wanted.filter(({ id }) => known.has(id)).length };
  });
  const all = await Promise.all(counts);
  const answered = sum(all.map((each) => each.answered));
  return { count: sum(all.map(({ wanted }) => wanted)) - answered, answered };
}

function ratiosOf(schedule: Schedule | undefined): readonly number[] | undefined {
  const ratios = schedule?.plan.stages.map(({ keepRatio }) => keepRatio);
  return ratios && ratios.length > 0 ? ratios : undefined;
}

/** Whatever is slower the first time is so here. What fails fails again where it counts. */
async function warmUp(
  entrants: readonly Entrant[],
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<void> {
  for (const question of questions.slice(0, 1)) {
    for (const { answerer } of entrants) await answerer.answer(question, signal).catch(() => {});
  }
  signal.throwIfAborted();
}
