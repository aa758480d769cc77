/** What a benchmark is, and what it says of answers. */
import type { Folder } from './reading/folder.js';

/** A picture: a file, or its contents where a benchmark holds pictures in its own file. */
export type Picture = { readonly path: string } | { readonly bytes: Uint8Array };

export interface Question {
  /** Unique in the benchmark; a file of answers names it. */
  readonly id: string;
  /** The text that the model is asked, with the benchmark's own instruction. */
  readonly prompt: string;
  /** Left out for questions about text alone. */
  readonly picture?: Picture;
}

/** Something in a benchmark's files or in answers that is not as it should be. */
export interface Problem {
  /** A file with a line or an entry, or the id of a question. */
  readonly where: string;
  readonly what: string;
}

/** Scores of a group of questions, or of all. */
export interface GroupScore {
  readonly questions: number;
  /** By name, such as `accuracy`, `f1`: from 0 to 1, unless the benchmark has points. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Metrics that are points; all others are shares. */
export const pointMetrics: readonly string[] = ['points', 'perception', 'cognition'];

export interface Score extends GroupScore {
  /** Of kinds of questions, such as a split or a category. */
  readonly groups: Readonly<Record<string, GroupScore>>;
  /** Answers that say none of what can be said; they count as wrong. */
  readonly unreadable: number;
  /** Questions with an answer whose right answer is not in the files; they don't count. */
  readonly withoutTruth: number;
  /**
   * What is judged as a whole and was not answered in full: MME's pictures with one judged question, which are no pair,
   * and circular questions without an answer to every turn, which don't count. Left out where each question is judged
   * by itself.
   */
  readonly incomplete?: number;
}

/** A benchmark that was read: what is asked, and how answers are judged. */
export interface OpenBenchmark {
  readonly questions: readonly Question[];
  readonly problems: readonly Problem[];
  /** Judges answers, by question; questions without an answer don't count. */
  score(answers: ReadonlyMap<string, string>): Score;
  /**
   * Points of one answer, from 0 to 1, by its question's id; undefined if its truth is not known. Left out where
   * questions are judged in groups.
   */
  pointsOf?(id: string, answer: string): number | undefined;
  /** What is right, one of these, by the question's id; undefined if that is not known. Left out as `pointsOf` is. */
  rightOf?(id: string): readonly string[] | undefined;
  /** Files that the benchmark's own scorer, or its server, takes: contents by path. */
  official(answers: ReadonlyMap<string, string>): ReadonlyMap<string, string>;
  /** What was answered, and `official` leaves out all the same; left out where that is nothing. */
  leftOut?(answers: ReadonlyMap<string, string>): readonly Problem[];
}

export interface Benchmark {
  readonly name: string;
  /** What it measures. */
  readonly summary: string;
  /** Where it comes from. */
  readonly source: string;
  /** Paths under the folder that is read, in the layout of LLaVA's scripts. */
  readonly files: readonly string[];
  /**
   * Reads the files. What is wrong with a line is told among the problems; the others are asked.
   *
   * @throws TransPruneError NOT_FOUND for a missing file, INVALID_ARGUMENT for one that is of another format
   */
  open(folder: Folder): Promise<OpenBenchmark>;
}
