import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeBackend } from '@transprune/backend-node';
import { createPlan, type PrunePlan, positionModes, presetPlan } from '@transprune/core';
import { readModelFile, writeModelFile } from '@transprune/files/node';
import {
  type CaseDecoder,
  caseDecoders,
  caseFile,
  type ExportedDecoder,
} from '@transprune/fixtures';
import { fitPlan, type OnnxModel, readDecoder } from '@transprune/onnx';
import { type VerifyReport, type VerifyRequest, verifyPruned } from '@transprune/verify';
import { afterAll, expect, test } from 'vitest';

/** Verifies prunings of files; what it writes is removed after the tests. */
export function createVerifier() {
  const folder = mkdtemp(join(tmpdir(), 'transprune-verify-'));
  afterAll(async () => rm(await folder, { recursive: true, force: true }));
  // The decoders are small: threads would only wait for each other.
  const backend = createNodeBackend({ threads: 1 });
  /** Writes graphs where they find the weights of the file that they come from. */
  const placeBeside = (sourcePath: string) => async (model: OnnxModel) => {
    const path = join(await mkdtemp(join(await folder, 'model-')), 'model.onnx');
    await writeModelFile(model, path, { sourcePath });
    return { path };
  };
  return {
    placeBeside,
    async verify(
      path: string,
      plan: PrunePlan,
      more: Partial<VerifyRequest> = {},
    ): Promise<VerifyReport> {
      const original = await readModelFile(path);
      const place = placeBeside(path);
      return verifyPruned({ original, plan, backend, device: 'cpu', place, ...more });
    },
  };
}

/** Many prunes, few tokens left of each image, and a single early prune. */
const verifiedPlans = (layers: number): readonly PrunePlan[] => [
  presetPlan('transprune-high', layers).plan,
  { ...presetPlan('transprune-low', layers).plan, perImage: true },
  createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.3 }] }),
];

/**
 * All plans, or the one whose turn it is: what is slow takes turns, unless the environment variable
 * `VERIFY_ALL` asks for everything.
 */
export function plansInTurn(layers: number, turn: number, takesTurns: boolean): PrunePlan[] {
  return verifiedPlans(layers).filter(
    (_, at, plans) => !isInTurn(takesTurns) || at === turn % plans.length,
  );
}

/** Whether plans and ways to number positions take turns. */
const isInTurn = (takesTurns: boolean) => takesTurns && process.env.VERIFY_ALL === undefined;

const optionSets = [
  {},
  { batch: true },
  { runtimeRatios: true, instructionMask: true },
  { batch: true, instructionMask: true, trace: true },
] satisfies VerifyRequest['options'][];

/**
 * Verifies exported files with each way to number positions at every plan or, where these take turns, with one at one.
 * Options take turns.
 */
export function verifyExports(decoders: readonly ExportedDecoder[], takesTurns: boolean): void {
  const { verify } = createVerifier();
  const cases = decoders.map((own, at) => [`${own.architecture}/${own.name}`, own, at] as const);
  test.each(cases)('%s', async (_, { path, hasPositionIds }, at) => {
    const { layers } = readDecoder(await readModelFile(path));
    const isWindowed = layers.some(({ attention }) => attention?.reading.window !== undefined);
    for (const [mode, positions] of positionModes.entries()) {
      if (isWindowed && positions === 'keep') continue;
      if (!isWindowed && isInTurn(takesTurns) && mode !== at % positionModes.length) continue;
      for (const [choice, plan] of plansInTurn(layers.length, at + mode, takesTurns).entries()) {
        const options: VerifyRequest['options'] =
          optionSets[(at + mode + choice) % optionSets.length] ?? {};
        const verified = verify(path, { ...plan, positions }, { options });
        if (options.batch && !hasPositionIds) {
          await expect(verified).rejects.toThrow(/positions that the graph counts by the length/);
          continue;
        }
        const report = await verified;
        const failed = report.checks.filter(({ passed }) => !passed);
        expect(failed, JSON.stringify({ plan, positions, options })).toEqual([]);
        expect(report).toMatchObject({ passed: true, device: 'cpu' });
      }
    }
  });
}

const keepRatios = [0.75, 0.5, 0.25];

/** Prunes after layers 2, 3 and 4. */
export const threePrunes = createPlan({
  accumulateLayers: [1, 2, 3, 4],
  stages: keepRatios.map((keepRatio, at) => ({ afterLayer: at + 2, keepRatio })),
});

/** Files under `cases/` of the fixtures, plain decoders and others apart. */
export function testedCases(tested: CaseDecoder['tested']) {
  const own = caseDecoders.filter((decoder) => decoder.tested === tested);
  return {
    plain: own.flatMap(({ file, layers }) => (layers === 'mixed' ? [] : file)),
    mixed: own.flatMap(({ file, layers, architecture, exporter }) =>
      layers === 'mixed' ? [[`${architecture}, ${exporter}`, caseFile(file)] as const] : [],
    ),
  };
}

/** Verifies files under `cases/` of the fixtures with each way to number positions, alone and in batches. */
export function verifyCases(names: readonly string[]): void {
  const { verify } = createVerifier();
  test.each(names)('%s', async (name) => {
    for (const [at, positions] of positionModes.entries()) {
      const plan = { ...threePrunes, positions };
      const { checks } = await verify(caseFile(name), plan, { options: { batch: at === 1 } });
      const failed = checks.filter(({ passed }) => !passed);
      expect(failed, positions).toEqual([]);
    }
  });
}

/**
 * Verifies decoders whose layers mix tokens by states, borrow keys, or have attention and FFN side by side: with each
 * way to number positions, by a method that reads attention and by one that prunes before layers of any kind.
 */
export function verifyMixers(cases: readonly (readonly [name: string, path: string])[]): void {
  const { verify } = createVerifier();
  test.each(cases)('%s', async (_, path) => {
    const decoder = readDecoder(await readModelFile(path));
    const { layers } = decoder;
    const isWindowed = layers.some(({ attention }) => attention?.reading.window !== undefined);
    const borrows = layers.some(({ attention }) => attention?.lender !== undefined);
    for (const [at, positions] of positionModes.entries()) {
      if (isWindowed && positions === 'keep') continue;
      const plan = { ...threePrunes, positions };
      const fitted = fitPlan(plan, decoder).plan;
      const random = { ...(borrows ? fitted : plan), method: 'random' as const };
      for (const own of [fitted, random]) {
        const { checks } = await verify(path, own, { options: { batch: at === 0 } });
        const failed = checks.filter(({ passed }) => !passed);
        expect(failed, `${own.method}, ${positions}`).toEqual([]);
      }
    }
  });
}
