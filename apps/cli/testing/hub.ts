/** A hub of the running test, as the program finds it. */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type HubModel, hubFolder } from '@transprune/fixtures';
import { type FakeHub, type FakeHubOptions, fakeHub } from '@transprune/fixtures/fake-hub';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { decodeModel, encodeModel } from '@transprune/onnx';
import { samplesDirectory } from '@transprune/small-model';
import { expect, onTestFinished, vi } from 'vitest';
import { transpruneJson } from './program.js';

/** Serves a folder as the repository owner/name; the program asks there, and keeps models in a folder of the test. */
export async function useHub(folder: string, options: FakeHubOptions = {}): Promise<FakeHub> {
  const hub = await fakeHub(folder, { api: true, storage: true, ...options });
  await useEndpoint(hub.host);
  return hub;
}

/** Lets the program ask at an address, with nothing kept yet. */
export async function useEndpoint(host: string): Promise<string> {
  const cache = await temporaryFolder();
  vi.stubEnv('HF_ENDPOINT', host);
  vi.stubEnv('TRANSPRUNE_CACHE', cache);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return cache;
}

/** An address where nobody answers. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** What was asked for below `onnx/`. */
export const pathsOf = (requests: readonly { readonly path: string }[]) =>
  requests.map(({ path }) => path).filter((path) => path.startsWith('onnx/'));

/** A tiny model answers from the hub, its decoder's weights in two files, as it does from its folder. */
export async function checkRepository(name: HubModel): Promise<void> {
  const path = 'onnx/decoder_model_merged.onnx';
  const locations = ['decoder_model_merged.onnx_data', 'decoder_model_merged.onnx_data_1'];
  const files = withDataFiles(await readFile(join(hubFolder(name), path)), path, locations);
  const hub = await useHub(hubFolder(name), { files });
  const plan = ['--prune-after', '2', '--keep', '.5', '--max-new-tokens', '4'];
  const ask = (model: string) =>
    transpruneJson(
      'run',
      join(samplesDirectory, 'scene-1.png'),
      'what?',
      '--model',
      model,
      ...plan,
    );
  const remote = await ask('owner/name');
  for (const location of locations) expect(pathsOf(hub.stored)).toContain(`onnx/${location}`);
  expect(remote.pruned).toMatchObject({ tokens: 4 });
  expect(remote.pruned.answer).toBe((await ask(hubFolder(name))).pruned.answer);
}

/** How ONNX marks a tensor whose data is in another file. */
const external = 1;

/**
 * A graph with its large weights in files of their own, by turns.
 *
 * @returns the files by their names
 */
export function withDataFiles(
  graph: Uint8Array,
  name: string,
  locations: readonly string[],
): Record<string, Uint8Array> {
  const model = decodeModel(graph);
  const pieces = locations.map(() => [] as Uint8Array[]);
  const large = model.graph?.initializer.filter(({ rawData }) => rawData.length > 1024) ?? [];
  for (const [at, tensor] of large.entries()) {
    const file = pieces[at % locations.length] ?? [];
    const offset = file.reduce((sum, { length }) => sum + length, 0);
    file.push(tensor.rawData);
    tensor.externalData = Object.entries({
      location: locations[at % locations.length] ?? '',
      offset: `${offset}`,
      length: `${tensor.rawData.length}`,
    }).map(([key, value]) => ({ $typeName: 'onnx.StringStringEntryProto' as const, key, value }));
    tensor.dataLocation = external;
    tensor.rawData = new Uint8Array();
  }
  const data = locations.map((location, at) => [
    `onnx/${location}`,
    Buffer.concat(pieces[at] ?? []),
  ]);
  return { [name]: encodeModel(model), ...Object.fromEntries(data) };
}
