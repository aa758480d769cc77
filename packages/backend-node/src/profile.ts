/** What onnxruntime's profile of a session says was executed. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TransPruneError } from '@transprune/core';

/** What one call of a session executed. */
export interface ProfiledRun {
  /**
   * Executed nodes: every kernel that ran, on whatever device. An `If` counts as one, and so does each node
   * of the branch that ran; nodes of the other branch did not run. What onnxruntime folded into constants or
   * fused away when it opened the model is not there; copies that it put between devices are.
   */
  readonly nodes: number;
  /** The same by device, as onnxruntime names its providers: `CPUExecutionProvider`. */
  readonly nodesByProvider: Readonly<Record<string, number>>;
  /** The same by operator. */
  readonly nodesByOperator: Readonly<Record<string, number>>;
  /** Sizes of what is copied from a device to the host's memory, which has to wait for it, and back. */
  readonly copiesToHost: readonly (readonly number[])[];
  readonly copiesFromHost: readonly (readonly number[])[];
  /** From the first node to the last, profiling included: not a time to quote. */
  readonly milliseconds: number;
}

/** An entry of the profile; times are in microseconds. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly provider?: string;
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

/** How a node's own entry is called; others tell of waiting for it and of what follows. */
const kernelTime = '_kernel_time';

/**
 * Reads the calls of one session, in their order.
 *
 * @param json what onnxruntime wrote
 */
export function profiledRuns(json: string): ProfiledRun[] {
  const events = JSON.parse(json) as readonly ProfileEvent[];
  const nodes = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith(kernelTime));
  return events
    .filter(({ name }) => name === 'model_run')
    .sort((a, b) => a.ts - b.ts)
    .map((run) =>
      describeRun(
        run.dur,
        nodes.filter(({ ts }) => ts >= run.ts && ts < run.ts + run.dur),
      ),
    );
}

/**
 * Reads the profile of a session that was opened with `profilePrefix` and has been disposed of: only then is
 * the file written.
 *
 * @throws TransPruneError NOT_FOUND if no file has this prefix, INVALID_ARGUMENT if several do
 */
export async function readProfile(profilePrefix: string): Promise<ProfiledRun[]> {
  const names = await readdir(dirname(profilePrefix));
  const [name, other] = names.filter(
    (found) => found.startsWith(basename(profilePrefix)) && found.endsWith('.json'),
  );
  if (name === undefined) {
    throw new TransPruneError(
      'NOT_FOUND',
      `expected a profile ${profilePrefix}*.json, found none; it is written when the session is disposed of`,
    );
  }
  if (other !== undefined) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected one profile ${profilePrefix}*.json, found ${name} and ${other}; give each session a prefix of its own`,
    );
  }
  return profiledRuns(await readFile(join(dirname(profilePrefix), name), 'utf8'));
}

function describeRun(microseconds: number, nodes: readonly ProfileEvent[]): ProfiledRun {
  const count = (key: (event: ProfileEvent) => string | undefined) => {
    const counts: Record<string, number> = {};
    for (const node of nodes) {
      const name = key(node) ?? 'unknown';
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  const copied = (operator: string) =>
    nodes
      .filter(({ args }) => args?.op_name === operator)
      .map(({ args }) => Object.values(args?.output_type_shape?.[0] ?? {})[0] ?? []);
  return {
    nodes: nodes.length,
    nodesByProvider: count(({ args }) => args?.provider),
    nodesByOperator: count(({ args }) => args?.op_name),
    copiesToHost: copied('MemcpyToHost'),
    copiesFromHost: copied('MemcpyFromHost'),
    milliseconds: microseconds / 1000,
  };
}
