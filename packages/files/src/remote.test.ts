import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { modelDirectory } from '@transprune/small-model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkModelId, checkRevision, remoteUrl } from './address.js';
import { remoteModel } from './remote.js';

const server = createServer(async (request, response) => {
  const path = /^\/static\/model\/(.*)$/.exec(request.url ?? '')?.[1];
  try {
    response.end(await readFile(join(modelDirectory, path ?? 'none')));
  } catch {
    response.writeHead(path === 'secret.json' ? 403 : 404).end();
  }
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.close();
});

test('addresses follow the hub, and the server that is named', () => {
  expect(remoteUrl('owner/name', 'config.json')).toBe(
    'https://huggingface.co/owner/name/resolve/main/config.json',
  );
  expect(
    remoteUrl('owner/name', 'onnx/a.onnx', 'refs/pr/1', { host: 'http://mirror:8080/hub' }),
  ).toBe('http://mirror:8080/hub/owner/name/resolve/refs%2Fpr%2F1/onnx/a.onnx');
});

test('addresses take paths literally, and no revision leaves the folder', () => {
  expect(remoteUrl('owner/name', 'onnx/%2e%2e/a?b#c')).toBe(
    'https://huggingface.co/owner/name/resolve/main/onnx/%252e%252e/a%3Fb%23c',
  );
  for (const revision of ['refs/pr/1', 'v1.0', 'a-b_c', '%2e%2e']) {
    expect(checkRevision(revision)).toBe(revision);
  }
  const wrong = ['', '.', '..', '../x', 'a/../b', 'a..b', 'a//b', '/a', 'a\\b', 'a b', 'a\n'];
  for (const revision of [...wrong, '\ud800', 'x'.repeat(300)]) {
    expect(() => remoteUrl('owner/name', 'config.json', revision)).toThrow(/as the revision, got/);
  }
});

test('ids name a model and a folder of its own', () => {
  for (const id of ['owner/name', 'name', 'a/b-c_d.e', '_a/1']) expect(checkModelId(id)).toBe(id);
  const wrong = ['', '..', '../x', 'a/..', 'a/../../x', 'a/b/c', 'a\\b', '.hidden/x', 'own/.git'];
  const signs = ['own/model?x=1', 'own/mo%2e%2e', 'a/b.', 'a/', '/a', 'https://host/x', 'a b'];
  for (const id of [...wrong, ...signs])
    expect(() => checkModelId(id), id).toThrow(/id of a model/);
});

describe('a model on a static server', () => {
  const host = () => ({
    host: `http://127.0.0.1:${(server.address() as AddressInfo).port}/static/`,
    pathTemplate: '{model}/',
  });

  test('gives texts and graphs', async () => {
    const files = remoteModel('model', host());
    expect(JSON.parse((await files.readText('config.json')) ?? '')).toMatchObject({
      model_type: 'llava',
    });
    expect(await files.readText('none.json')).toBeUndefined();
    const graph = await files.graph('vision_encoder');
    const expected = await readFile(join(modelDirectory, 'onnx', 'vision_encoder.onnx'));
    expect('bytes' in graph && Buffer.from(graph.bytes).equals(expected)).toBe(true);
  });

  test('says what it lacks or withholds', async () => {
    const files = remoteModel('model', { format: 'q4', ...host() });
    await expect(files.graph('vision_encoder')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('model/onnx/vision_encoder_q4.onnx, found none'),
    });
    await expect(files.readText('secret.json')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
