/** Right and wrong, in groups. */
import type { GroupScore, Score } from '../benchmark.js';

/** One answer, judged. */
export interface Judged {
  /** Kinds that the question belongs to. */
  readonly groups: readonly string[];
  /** From 0 to 1. */
  readonly points: number;
  readonly isReadable: boolean;
}

/** The mean of points, in all and in groups, as `accuracy`. */
export function accuracyOf(judged: readonly Judged[], withoutTruth: number): Score {
  return {
    ...meanOf(judged),
    groups: grouped(judged, ({ groups }) => groups, meanOf),
    unreadable: judged.filter(({ isReadable }) => !isReadable).length,
    withoutTruth,
  };
}

/** Scores of each group, in the order of the alphabet. */
export function grouped<T>(
  list: readonly T[],
  groupsOf: (entry: T) => readonly string[],
  scoreOf: (group: readonly T[]) => GroupScore,
): Record<string, GroupScore> {
  const sorted = [...groupBy(list, groupsOf)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, group]) => [name, scoreOf(group)]));
}

/** Entries by the groups that they belong to. */
export function groupBy<T>(
  list: readonly T[],
  groupsOf: (entry: T) => readonly string[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const entry of list) {
    for (const name of groupsOf(entry)) {
      const group = groups.get(name);
      if (group) group.push(entry);
      else groups.set(name, [entry]);
    }
  }
  return groups;
}

function meanOf(judged: readonly Judged[]): GroupScore {
  const sum = judged.reduce((total, { points }) => total + points, 0);
  return { questions: judged.length, metrics: { accuracy: ratio(sum, judged.length) } };
}

/** 0 of nothing. */
export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
