/** Programs of the READMEs, strictly typed, print what they say, from the tarballs. */
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedPackages, root } from '../testing/packed.js';
import { type Project, projectWith } from '../testing/project.js';
import { type Program, programsIn } from '../testing/readme.js';

const packed = packedPackages();

/** What runs in a page alone; its own package runs it in a browser. */
const forBrowsers = ['@transprune/backend-web'];

interface Named extends Program {
  readonly owner: string;
  readonly file: string;
}

async function allPrograms(): Promise<Named[]> {
  const named = ({ owner, folder }: { owner: string; folder: string }) =>
    readFile(join(folder, 'README.md'), 'utf8').then((readme) =>
      programsIn(readme).map((program, at) => ({
        ...program,
        owner,
        file: `program-${owner.replace('@transprune/', '')}-${at}.mjs`,
      })),
    );
  const packages = packed.all.map(({ manifest, folder }) => ({ owner: manifest.name, folder }));
  return (await Promise.all([{ owner: 'readme', folder: root }, ...packages].map(named))).flat();
}

async function projectWithPrograms(programs: readonly Named[]): Promise<Project> {
  const project = await projectWith(packed.all);
  for (const { file, code } of programs) await project.write(file, code);
  const model = join(
    'node_modules/@transprune/embedded-model/model/onnx/decoder_model_merged.onnx',
  );
  // The file that the root's README names.
  await cp(join(project.folder, model), join(project.folder, 'decoder_model_merged.onnx'));
  return project;
}

test('type-check strictly', async () => {
  const programs = await allPrograms();
  expect(programs.length).toBeGreaterThan(10);
  const project = await projectWithPrograms(programs);
  const compilerOptions = {
    ...{ allowJs: true, checkJs: true, strict: true, noEmit: true, skipLibCheck: true },
    ...{ module: 'node16', target: 'es2022', lib: ['es2023', 'dom'], types: ['node'] },
  };
  const files = programs.map(({ file }) => file);
  await project.write('tsconfig.json', JSON.stringify({ compilerOptions, files }));
  expect(await project.compile()).toBe('');
});

test('print what they say', async () => {
  const programs = (await allPrograms()).filter(({ owner }) => !forBrowsers.includes(owner));
  const project = await projectWithPrograms(programs);
  for (const { file, output } of programs) expect(await project.run(file), file).toBe(output);
});

test('the command line answers', async () => {
  const project = await projectWith(packed.all);
  const installed = join(project.folder, 'node_modules/@transprune');
  const image = join(installed, 'embedded-model/samples/scene-1.png');
  const { bin = {} } = packed.all.find(({ manifest }) => manifest.bin)?.manifest ?? {};
  const path = join(installed, 'cli', bin.transprune ?? '');
  const printed = await project.run(path, ['run', image, 'what color is the heart?']);
  expect(printed).toContain('cyan');
});
