/** The packages under other Nodes than the one that runs the tests; npm has their binaries. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packedPackages } from '../testing/packed.js';
import { projectWith } from '../testing/project.js';
import { npm } from '../testing/registry.js';

const packed = packedPackages();

const program = `
import { join } from 'node:path';
import { createRequire } from 'node:module';
import { nodeBackend } from '@transprune/backend-node';
import { presetPlan } from '@transprune/core';
import { modelDirectory, samplesDirectory } from '@transprune/embedded-model';
import { openModel } from '@transprune/files/node';
import { collect, openEngine } from '@transprune/vlm';

const { plan } = createRequire(import.meta.url)('@transprune/core').presetPlan('transprune-high', 16);
const model = { folder: modelDirectory };
const engine = await openEngine({ model, pruning: { plan }, backend: nodeBackend, open: openModel });
const images = [join(samplesDirectory, 'scene-1.png')];
const { text } = await collect(engine.generate({ question: 'what color is the heart?', images }));
console.log(process.versions.node.split('.')[0], text);
await engine.dispose();
`;

test.for([22, 24])('an answer under Node %i', async (version, context) => {
  const project = await projectWith(packed.all);
  await project.write('ask.mjs', program);
  const own = await projectWith([]);
  await own.write('package.json', '{}');
  const name = `node-${process.platform}-${process.arch}`;
  await npm(context, own.folder, 'install', `${name}@${version}`);
  const node = join(own.folder, 'node_modules', name, 'bin/node');
  expect(await project.run('ask.mjs', [], node)).toBe(`${version} cyan\n`);
});
