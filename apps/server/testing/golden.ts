/** Reads an exported model's recorded run, and runs it again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeBackend } from '@transprune/backend-node';
import {
  type ElementType,
  type HostTensor,
  hostTensor,
  numbersOf,
  openSession,
  type Session,
  type SessionTensor,
} from '@transprune/session';
import { onTestFinished } from 'vitest';

export interface Golden {
  readonly question: string;
  readonly text: string;
  readonly tokens: readonly number[];
  readonly caches: readonly {
    readonly input: string;
    readonly output: string;
    readonly type: ElementType;
    readonly dims: readonly number[];
  }[];
  readonly runs: readonly {
    readonly model: string;
    readonly inputs: Readonly<Record<string, string>>;
    readonly outputs: Readonly<Record<string, string>>;
    readonly token?: number;
    readonly caches?: Readonly<Record<string, readonly number[]>>;
  }[];
}

export function readGolden(exported: string): Golden {
  return JSON.parse(readFileSync(join(exported, 'golden', 'golden.json'), 'utf8'));
}

/** A session of one of the exported graphs, for the running test. */
export async function exportedSession(exported: string, model: string): Promise<Session> {
  const path = join(exported, 'models', model, '1', 'model.onnx');
  const session = await openSession(createNodeBackend({ threads: 1 }), { path }, 'cpu');
  onTestFinished(() => session.dispose());
  return session;
}

const arrays = {
  '<f4': ['float32', Float32Array],
  '<f2': ['float16', Uint16Array],
  '<i8': ['int64', BigInt64Array],
  '<i4': ['int32', Int32Array],
  '|b1': ['bool', Uint8Array],
} as const;

/** A tensor that was written as a `.npy` file. */
export function readNpy(path: string): HostTensor {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const [, descr = '', shape = ''] =
    /^{'descr': '(.+?)', 'fortran_order': False, 'shape': \((.*?)\), } *\n$/.exec(header) ?? [];
  if (!(descr in arrays)) throw new Error(`expected a header of NumPy's, got ${header}`);
  const [type, Elements] = arrays[descr as keyof typeof arrays];
  const dims = shape
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  // A copy, which begins where its elements may.
  const data = new Elements(new Uint8Array(bytes.subarray(start)).buffer);
  return { type, dims, data } as HostTensor;
}

/**
 * Runs what was recorded again, from the files alone.
 *
 * @returns the tensors that differ from the recorded ones, and the likeliest token of each run of the decoder
 */
export async function runGolden(exported: string) {
  const { runs, caches } = readGolden(exported);
  const load = (files: Readonly<Record<string, string>>) =>
    Object.entries(files).map(
      ([name, file]) => [name, readNpy(join(exported, 'golden', file))] as const,
    );
  let state: Record<string, HostTensor | SessionTensor> = Object.fromEntries(
    caches.map(({ input, type, dims }) => {
      const elements = dims.reduce((product, size) => product * size, 1);
      return [input, hostTensor(type, new Array(elements).fill(0), dims)];
    }),
  );
  const different: string[] = [];
  const tokens: number[] = [];
  const sessions = new Map<string, Session>();
  for (const run of runs) {
    const session = sessions.get(run.model) ?? (await exportedSession(exported, run.model));
    sessions.set(run.model, session);
    const isDecoder = run.token !== undefined;
    const outputs = await session.run({
      ...Object.fromEntries(load(run.inputs)),
      ...(isDecoder && state),
    });
    for (const [name, expected] of load(run.outputs)) {
      const got = numbersOf(await outputs[name]!.download()).data.slice(-expected.data.length);
      if (!isClose(got, numbersOf(expected).data)) different.push(`${run.model}.${name}`);
    }
    if (!isDecoder) continue;
    state = Object.fromEntries(caches.map(({ input, output }) => [input, outputs[output]!]));
    const { data, shape } = numbersOf(await outputs.logits!.download());
    const last = [...data.slice(-shape.at(-1)!)];
    tokens.push(last.indexOf(Math.max(...last)));
  }
  return { different, tokens };
}

/** But for rounding, which may differ by the number of threads. */
const isClose = (got: Float64Array, expected: Float64Array) =>
  got.length === expected.length &&
  got.every((value, i) => Math.abs(value - (expected[i] ?? 0)) < 1e-4);
