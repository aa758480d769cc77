import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { modelDirectory } from '@transprune/embedded-model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { remoteModel, remoteUrl } from './remote.js';

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
