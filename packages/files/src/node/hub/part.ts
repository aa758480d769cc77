/**
 * Files that are not complete yet. The name of a part holds what identifies the file on the server, so that
 * a later try, also of another process, knows whether it may go on: `name.<validator>.part`.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** What identifies the contents of a file on a server. */
export type Validator =
  /** Of the contents; the whole is checked against it in the end. */
  | { readonly sha256: string }
  /** An `ETag`, or a `Last-Modified` where there is none. */
  | { readonly tag: string };

export interface Part {
  readonly path: string;
  /** Bytes that are there. */
  readonly size: number;
  readonly validator: Validator;
}

const ending = '.part';
/** File names end at 255 bytes on most systems. */
const longestName = 255;

/** Where the part of a file is kept; without a validator it can't be gone on with. */
export function partPath(target: string, validator: Validator | undefined): string {
  const plain = `${target}${ending}`;
  if (!validator) return plain;
  const text =
    'sha256' in validator ? `sha256-${validator.sha256}` : `tag-${encode(validator.tag)}`;
  const named = `${target}.${text}${ending}`;
  return basename(named).length <= longestName ? named : plain;
}

/** A part that can be gone on with. All others of the file are removed. */
export async function findPart(target: string): Promise<Part | undefined> {
  const parts = await partsOf(target);
  const found = await Promise.all(
    parts.map(async (path) => {
      const validator = validatorOf(path, target);
      const known = await stat(path).catch(() => undefined);
      return validator && known?.isFile() && known.size > 0
        ? { path, size: known.size, validator }
        : undefined;
    }),
  );
  const largest = found
    .filter((part) => part !== undefined)
    .sort((one, other) => other.size - one.size)[0];
  await Promise.all(
    parts.filter((path) => path !== largest?.path).map((path) => rm(path, { force: true })),
  );
  return largest;
}

/** Removes all parts of a file. */
export async function removeParts(target: string): Promise<void> {
  await Promise.all((await partsOf(target)).map((path) => rm(path, { force: true })));
}

async function partsOf(target: string): Promise<string[]> {
  const folder = dirname(target);
  const names = await readdir(folder).catch(() => []);
  const start = `${basename(target)}.`;
  return names
    .filter((name) => name.startsWith(start) && name.endsWith(ending))
    .filter((name) => /^((sha256|tag)-[\w-]+\.)?part$/.test(name.slice(start.length)))
    .map((name) => join(folder, name));
}

function validatorOf(path: string, target: string): Validator | undefined {
  const text = basename(path).slice(basename(target).length + 1, -ending.length);
  if (text.startsWith('sha256-')) return { sha256: text.slice('sha256-'.length) };
  if (text.startsWith('tag-')) return { tag: decode(text.slice('tag-'.length)) };
  return undefined;
}

const encode = (text: string) => Buffer.from(text, 'utf8').toString('base64url');
const decode = (text: string) => Buffer.from(text, 'base64url').toString('utf8');
