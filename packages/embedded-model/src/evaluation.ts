import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a question asks for. */
export type QuestionKind =
  | 'color'
  | 'shape'
  | 'exist'
  | 'count'
  | 'where'
  | 'relation'
  | 'read'
  | 'detail'
  | 'describe';

export interface Question {
  readonly kind: QuestionKind;
  readonly question: string;
  readonly answer: string;
  /** Indices of the scene's objects that the answer depends on. */
  readonly objects: readonly number[];
}

/** A shape, an icon or a tag: a tiny word or digit. */
export interface SceneObject {
  /** Patches that the object covers, as indices of image tokens. */
  readonly patches: readonly number[];
}

export interface Scene {
  readonly objects: readonly SceneObject[];
  readonly questions: readonly Question[];
}

/** Scenes that the model was not trained on, with questions that have one answer each. */
export interface EvaluationSet {
  /** Width and height of a scene in pixels. */
  readonly imageSize: number;
  /** Image files, each a grid of scenes; scene `i` is on sheet `i / (rows * columns)`, row by row. */
  readonly sheets: readonly string[];
  readonly sheetColumns: number;
  readonly sheetRows: number;
  /** For each kind, how often its most frequent answer is right. */
  readonly kinds: Readonly<
    Record<QuestionKind, { readonly questions: number; readonly prior: number }>
  >;
  readonly scenes: readonly Scene[];
}

/** Reads the held-out set; the paths of its sheets are absolute. */
export function readEvaluation(): EvaluationSet {
  const file = (name: string) => new URL(`../evaluation/${name}`, import.meta.url);
  const set = JSON.parse(readFileSync(file('evaluation.json'), 'utf8')) as EvaluationSet;
  return { ...set, sheets: set.sheets.map((name) => fileURLToPath(file(name))) };
}
