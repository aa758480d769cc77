/** Every entry point, by `import` and by `require`, and its types. */
import { expect, test } from 'vitest';
import { entryPoints, packedPackages } from '../testing/packed.js';
import { compilers, projectWith } from '../testing/project.js';

const packed = packedPackages();

/** What needs a page: onnxruntime-web's script for WebGPU. */
const forBrowsers = ['@transprune/backend-web'];

/** `module0`, `module1`, ... for every entry point. */
function modulesOf(leaveOut: readonly string[] = []) {
  const specifiers = packed.all
    .flatMap(({ manifest }) => entryPoints(manifest))
    .filter((specifier) => !leaveOut.includes(specifier));
  return specifiers.map((specifier, at) => ({ specifier, name: `module${at}` }));
}

test('import and require', async () => {
  const project = await projectWith(packed.all);
  const modules = modulesOf(forBrowsers);
  const count = `console.log([${modules.map(({ name }) => name).join(', ')}].filter((own) => Object.keys(own).length > 0).length);`;
  const imports = modules.map(({ name, specifier }) => `import * as ${name} from '${specifier}';`);
  const requires = modules.map(({ name, specifier }) => `const ${name} = require('${specifier}');`);
  await project.write('all.mjs', [...imports, count].join('\n'));
  await project.write('all.cjs', [...requires, count].join('\n'));
  expect(await project.run('all.mjs')).toBe(`${modules.length}\n`);
  expect(await project.run('all.cjs')).toBe(`${modules.length}\n`);
});

test.each([
  ['node16', 'all.mts', { module: 'node16', moduleResolution: 'node16' }],
  ['node16, CommonJS that requires', 'all.cts', { module: 'node20', moduleResolution: 'node16' }],
  ['bundler', 'all.ts', { module: 'esnext', moduleResolution: 'bundler' }],
])('types, strict: moduleResolution %s', async (_, file, options) => {
  const project = await projectWith(packed.all);
  const imported = (name: string, specifier: string) =>
    file.endsWith('.cts')
      ? `import ${name} = require('${specifier}');`
      : `import * as ${name} from '${specifier}';`;
  const modules = modulesOf();
  const lines = [
    ...modules.map(({ name, specifier }) => imported(name, specifier)),
    `export const all: readonly object[] = [${modules.map(({ name }) => name).join(', ')}];`,
    imported('core', '@transprune/core'),
    "export const { plan } = core.presetPlan('transprune-high', 12);",
    '// @ts-expect-error: types are there, so that this is seen to be none',
    'export const wrong: number = plan;',
  ];
  await project.write('package.json', '{ "type": "module" }');
  await project.write(file, lines.join('\n'));
  const strict = {
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    ...{ target: 'es2022', lib: ['es2023', 'dom'], types: ['node'] },
    // Of others' declarations: those of transformers.js have errors of their own.
    ...{ noEmit: true, skipLibCheck: true },
  };
  const config = { compilerOptions: { ...options, ...strict }, files: [file] };
  await project.write('tsconfig.json', JSON.stringify(config));
  for (const compiler of compilers) expect(await project.compile(compiler), compiler).toBe('');
});
