/** A benchmark's folder: reads its files, and notes what is wrong in them. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TransPruneError } from '@transprune/core';
import { z } from 'zod';
import type { Picture, Problem } from '../benchmark.js';
import { readTable } from './table.js';

export class Folder {
  readonly path: string;
  readonly problems: Problem[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Entries of a file with a JSON object a line; lines that are not what is expected are noted and left out.
   *
   * @throws TransPruneError NOT_FOUND if there is no such file
   */
  async lines<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
    const lines = (await this.text(path)).split('\n');
    return lines.flatMap((line, at) =>
      line.trim() === '' ? [] : this.#entry(`${path}:${at + 1}`, line, schema),
    );
  }

  /**
   * A JSON file.
   *
   * @throws TransPruneError NOT_FOUND if there is no such file, INVALID_ARGUMENT if it is no JSON of that form
   */
  async json<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const text = await this.text(path);
    const found = parseAs(text, schema);
    if ('value' in found) return found.value;
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected ${this.#at(path)} to be the benchmark's JSON, got: ${found.fault}`,
    );
  }

  /** Entries, by their names, that are of a form; others are noted and left out. */
  entries<T>(
    path: string,
    entries: Iterable<[string, unknown]>,
    schema: z.ZodType<T>,
  ): [string, T][] {
    return [...entries].flatMap(([name, entry]): [string, T][] => {
      const found = schema.safeParse(entry);
      if (found.success) return [[name, found.data]];
      this.note(`${path}, ${name}`, faultOf(found.error));
      return [];
    });
  }

  /** The same of a list without names; what is noted names entries by their number, from 1. */
  items<T>(path: string, list: readonly unknown[], schema: z.ZodType<T>): T[] {
    const named = list.map((entry, at): [string, unknown] => [`entry ${at + 1}`, entry]);
    return this.entries(path, named, schema).map(([, entry]) => entry);
  }

  /**
   * Rows of a file of values separated by tabs, with names in the first; rows that are not what is expected are noted and
   * left out.
   *
   * @throws TransPruneError NOT_FOUND if there is no such file, INVALID_ARGUMENT if its first row holds no names
   */
  async table<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
    const { rows, faults } = readTable(await this.text(path));
    const [{ cells: names, line: first } = { cells: [], line: 0 }, ...entries] = rows;
    if (names.length < 2 || faults.some(({ line }) => line < first)) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `expected ${this.#at(path)} to hold values separated by tabs, with names in the first row, got ${names.join(' ').slice(0, 80) || 'none'}`,
        { path: this.#at(path) },
      );
    }
    for (const { line, what } of faults) this.note(`${path}:${line}`, what);
    return entries.flatMap(({ line, cells }): T[] => {
      const entry = Object.fromEntries(cells.map((cell, at) => [names[at], cell]));
      const found = schema.safeParse(entry);
      if (found.success && cells.length <= names.length) return [found.data];
      const tooMany = `expected ${names.length} values, got ${cells.length}`;
      this.note(`${path}:${line}`, found.success ? tooMany : faultOf(found.error));
      return [];
    });
  }

  /**
   * A file, without the mark that some editors begin it with.
   *
   * @throws TransPruneError NOT_FOUND if there is no such file
   */
  async text(path: string): Promise<string> {
    try {
      return (await readFile(join(this.path, path), 'utf8')).replace(/^\uFEFF/, '');
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const found = code === 'ENOENT' || code === 'ENOTDIR' ? 'found none' : `got ${message}`;
      throw new TransPruneError(
        'NOT_FOUND',
        `expected the benchmark's file ${this.#at(path)}, ${found}`,
        { path: this.#at(path) },
        { cause },
      );
    }
  }

  /** Names in a folder; none if there is no such folder. */
  async list(path: string): Promise<string[]> {
    return (await readdir(join(this.path, path)).catch(() => [])).sort();
  }

  /** A picture of a question; undefined, and noted, if there is no such file. */
  async picture(id: string, path: string): Promise<Picture | undefined> {
    const full = this.#at(path);
    if (await isFile(full)) return { path: full };
    this.note(`question ${id}`, `no picture ${full}; it is not asked`);
    return undefined;
  }

  note(where: string, what: string): void {
    this.problems.push({ where, what });
  }

  /** Leaves out, and notes, questions, or what is said of them, whose id came before. */
  unique<T>(list: readonly T[], idOf: (entry: T) => string): T[] {
    const seen = new Set<string>();
    return list.filter((entry) => {
      const id = idOf(entry);
      if (!seen.has(id)) return seen.add(id);
      this.note(`question ${id}`, 'a second question of this id; the first counts');
      return false;
    });
  }

  #entry<T>(where: string, line: string, schema: z.ZodType<T>): T[] {
    const found = parseAs(line, schema);
    if ('value' in found) return [found.value];
    this.note(where, found.fault);
    return [];
  }

  #at(path: string): string {
    return join(this.path, path);
  }
}

/** An id that is a number in some files and text in others. */
export const idSchema = z
  .union([z.string(), z.number()], { error: 'expected a text or a number' })
  .transform(String);

function parseAs<T>(
  text: string,
  schema: z.ZodType<T>,
): { readonly value: T } | { readonly fault: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return { fault: `no JSON: ${cause instanceof Error ? cause.message : cause}` };
  }
  const found = schema.safeParse(json);
  return found.success ? { value: found.data } : { fault: faultOf(found.error) };
}

/** In one line: fields, and what is wrong with each. */
const faultOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => [...path, message].join(': ')).join('; ');

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
