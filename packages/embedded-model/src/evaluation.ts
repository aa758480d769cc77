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
  /** The third and the side that its middle is in, such as `top left` or `middle center`. */
  readonly place: string;
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

/** Pixels row by row, the channels of a pixel beside each other. */
export interface ScenePicture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/**
 * The picture of a scene.
 *
 * @param sheets the set's image files, read in their order
 */
export function scenePicture(
  { imageSize, sheetColumns, sheetRows }: EvaluationSet,
  sheets: readonly ScenePicture[],
  scene: number,
): ScenePicture {
  const onSheet = scene % (sheetColumns * sheetRows);
  const left = (onSheet % sheetColumns) * imageSize;
  const top = Math.floor(onSheet / sheetColumns) * imageSize;
  const sheet = sheets[Math.floor(scene / (sheetColumns * sheetRows))];
  if (!sheet) throw new Error(`scene ${scene} has no place on a sheet`);
  const { data, width, channels } = sheet;
  const picture = new Uint8Array(imageSize * imageSize * channels);
  for (let row = 0; row < imageSize; row++) {
    const start = ((top + row) * width + left) * channels;
    picture.set(data.subarray(start, start + imageSize * channels), row * imageSize * channels);
  }
  return { data: picture, width: imageSize, height: imageSize, channels };
}

/** Whether an answer is the expected words, whatever their case, the spaces between and the punctuation around them. */
export function isRightAnswer(answer: string, expected: string): boolean {
  return plain(answer) === plain(expected);
}

function plain(answer: string): string {
  return answer
    .toLowerCase()
    .replace(/^[\s\p{P}]+|[\s\p{P}]+$/gu, '')
    .replace(/\s+/g, ' ');
}
