/** Files from servers that misbehave: nothing corrupt is stored, nothing hangs, what came is not lost. */
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Answer, fakeHub } from '@transprune/fixtures/fake-hub';
import * as faults from '@transprune/fixtures/hub-faults';
import { modelDirectory } from '@transprune/small-model';
import { beforeAll, describe, expect, test } from 'vitest';
import { failure } from '../../../testing/failure.js';
import { impatientForBodies, impatientForHeaders, storeOn } from '../../../testing/store.js';
import { downloadFile, type Store } from './download-file.js';
import { partPath } from './part.js';
import type { DownloadProgress } from './progress.js';
import type { RetryNotice } from './retry.js';

const graph = 'onnx/vision_encoder.onnx';
let graphBytes: Buffer;

beforeAll(async () => {
  graphBytes = await readFile(join(modelDirectory, graph));
});

const leftIn = async ({ folder }: Store) => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
};

/** A store on a hub that gives certain answers to the first requests for a file. */
async function storeWith(path: string, answers: readonly Answer[], changes: Partial<Store> = {}) {
  const hub = await fakeHub(modelDirectory, { answers: { [path]: answers } });
  return { hub, store: await storeOn(hub.host, changes) };
}

async function expectStored(store: Store, path: string): Promise<void> {
  const [stored, expected] = await Promise.all([
    readFile(join(store.folder, path)),
    readFile(join(modelDirectory, path)),
  ]);
  expect(stored.equals(expected)).toBe(true);
  expect(await leftIn(store)).toEqual([path.split('/').at(-1)]);
}

describe('what is no file is refused, nothing of it stays, and the next try fetches', () => {
  const cases: readonly [string, string, Answer, RegExp][] = [
    ['a page', 'config.json', faults.page(), /a web page; .*login page/],
    ['a page that says it is JSON', 'config.json', faults.page('application/json'), /a web page/],
    ['a page for a graph', graph, faults.page('application/octet-stream'), /a web page/],
    ['a page for a template', 'chat_template.jinja', faults.page('text/plain'), /a web page/],
    ['nothing', 'tokenizer.json', faults.empty, /an empty file/],
    ['a status without contents', 'tokenizer.json', faults.status(204), /status 204/],
    ['not modified', 'tokenizer.json', faults.status(304), /status 304/],
    ['a redirect to nowhere', 'tokenizer.json', faults.status(301), /status 301/],
    ['a part that nobody asked for', 'tokenizer.json', faults.unaskedPart, /not asked for/],
    ['JSON cut off', 'config.json', faults.shortWithoutLength(0.5), /something that is no JSON/],
    ['a graph cut off', graph, faults.shortWithoutLength(0.5), /no ONNX model, or is cut off/],
    ['a graph cut off, compressed', graph, faults.compressed(0.5), /no ONNX model, or is cut off/],
    ['a length that is too small', graph, faults.shortLength(1000), /no ONNX model, or is cut off/],
    ['a body that becomes large', 'config.json', faults.bomb(2 ** 24), /more than 8388608 bytes/],
    ['a body without an end', 'config.json', faults.endless, /more than 8388608 bytes/],
    ['another kind of address', 'config.json', faults.redirect('file:///etc/passwd'), /a redirect/],
    ['data as an address', 'config.json', faults.redirect('data:,{}'), /a redirect/],
  ];
  test.each(cases)('%s', async (_, path, answer, message) => {
    const files = { 'chat_template.jinja': '{{ messages }}' };
    const hub = await fakeHub(modelDirectory, { files, answers: { [path]: [answer] } });
    const store = await storeOn(hub.host);
    const said = await failure(downloadFile(store, { path }));
    expect(said).toMatch(/^DOWNLOAD_FAILED: expected http:\S+ to give out a file, got /);
    expect(said).toMatch(message);
    expect(await leftIn(store)).toEqual([]);
    expect(await downloadFile(store, { path })).toBe(true);
    expect(await leftIn(store)).toEqual([path.split('/').at(-1)]);
  });

  test('redirects in a circle', async () => {
    const circle = faults.always(faults.redirect((path) => path));
    const { store } = await storeWith('config.json', circle);
    expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(
      /^DOWNLOAD_FAILED: .*more than 10 redirects/,
    );
  });

  test('a compressed file is taken as what it becomes', async () => {
    const { store } = await storeWith(graph, [faults.compressed()]);
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
  });
});

describe('statuses', () => {
  test('none is there', async () => {
    const { store } = await storeWith('none.json', []);
    expect(await downloadFile(store, { path: 'none.json' })).toBe(false);
    expect(await leftIn(store)).toEqual([]);
  });

  test.each([401, 403])('%d is said at once, with what helps', async (code) => {
    const headers = { 'x-error-message': 'Access to model is restricted' };
    const { store, hub } = await storeWith('config.json', [faults.status(code, headers)]);
    expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(
      new RegExp(`^NOT_FOUND: .*status ${code} .Access to model is restricted.; .*token`),
    );
    expect(hub.requests).toHaveLength(1);
  });

  test.each([429, 500, 502, 503, 504])('%d is tried again', async (code) => {
    const notices: RetryNotice[] = [];
    const answers = [faults.status(code), faults.status(code)];
    const onRetry = (notice: RetryNotice) => notices.push(notice);
    const { store } = await storeWith('config.json', answers, { onRetry });
    expect(await downloadFile(store, { path: 'config.json' })).toBe(true);
    expect(notices).toEqual([
      { file: 'config.json', reason: `status ${code}`, delayMs: 1 },
      { file: 'config.json', reason: `status ${code}`, delayMs: 2 },
    ]);
  });

  test.each([
    [429, /status 429 at the last of 4 tries; the server asks for fewer requests/],
    [500, /status 500 at the last of 4 tries; the server has a fault of its own/],
  ])('%d that stays is said as it is', async (code, message) => {
    const { store, hub } = await storeWith('config.json', faults.always(faults.status(code)));
    const said = await failure(downloadFile(store, { path: 'config.json' }));
    expect(said).toMatch(/^DOWNLOAD_FAILED/);
    expect(said).toMatch(message);
    expect(said).not.toMatch(/private/);
    expect(hub.requests).toHaveLength(4);
  });

  test('the wait that a server asks for is kept, if it is not too long', async () => {
    const notices: RetryNotice[] = [];
    const soon = faults.status(429, { 'retry-after': '0' });
    const late = faults.status(429, { 'retry-after': '3600' });
    const onRetry = (notice: RetryNotice) => notices.push(notice);
    const { store } = await storeWith('config.json', [soon, late], { onRetry });
    expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(
      /status 429 .*the server asks to wait for 3600 s/,
    );
    expect(notices).toMatchObject([{ delayMs: 0 }]);
  });

  test('no server', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    for (const [address, reason] of [
      [`127.0.0.1:${port}`, 'ECONNREFUSED'],
      ['127.0.0.1:1', 'bad port'],
    ]) {
      const store = await storeOn(`http://${address}`);
      expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(
        new RegExp(`^NOT_FOUND: .*got no connection .${reason}.; check the network`),
      );
    }
  });
});

describe('nothing hangs', () => {
  test('an answer that never comes', async () => {
    const answers = faults.always(faults.silent);
    const { store } = await storeWith('config.json', answers, { policy: impatientForHeaders });
    expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(
      /^DOWNLOAD_FAILED: .*no answer within 0\.3 s/,
    );
    expect(await leftIn(store)).toEqual([]);
  });

  test.each([
    ['never comes', faults.stallAt(0), /next to nothing for 0\.3 s after 0 of/],
    ['stops', faults.stallAt(0.9), /next to nothing for 0\.3 s after \d+ of/],
    ['trickles', faults.trickle(50), /next to nothing for 0\.3 s after \d+ of 100000/],
  ])('a body that %s', async (_, answer, message) => {
    const answers = faults.always(answer);
    const { store } = await storeWith('config.json', answers, { policy: impatientForBodies });
    expect(await failure(downloadFile(store, { path: 'config.json' }))).toMatch(message);
    const left = await leftIn(store);
    expect(left.filter((name) => !name.endsWith('.part'))).toEqual([]);
  });

  test('an interruption ends it at once, and leaves no lock', async () => {
    const interruption = new AbortController();
    const { signal } = interruption;
    const abort: Answer = () => interruption.abort(new Error('enough'));
    const { store } = await storeWith('config.json', [abort], { signal });
    await expect(downloadFile(store, { path: 'config.json' })).rejects.toThrow('enough');
    await expect.poll(() => leftIn(store)).toEqual([]);
  });
});

describe('a cut', () => {
  const tenths = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((tenth) => tenth / 10);

  /** Where a request wants to go on; what was on its way when the connection broke may be lost. */
  const startOf = (range: string | undefined) =>
    Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]);

  test.each(tenths)('at %d of the file ends well', async (share) => {
    const answers = [faults.cutAt(share), faults.serveAs('"same"')];
    const { store, hub } = await storeWith(graph, answers);
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.requests).toHaveLength(2);
    const start = startOf(hub.requests[1]?.range);
    expect(start).toBeLessThanOrEqual(graphBytes.length * share);
    expect(hub.requests[1]?.ifRange).toBe(start > 0 ? '"same"' : undefined);
  });

  test.each(tenths)('that left %d of the file is gone on with by range', async (share) => {
    const { store, hub } = await storeWith(graph, [faults.serveAs('"same"')]);
    const size = Math.floor(graphBytes.length * share);
    await mkdir(join(store.folder, 'onnx'));
    const part = partPath(join(store.folder, graph), { tag: '"same"' });
    await writeFile(part, graphBytes.subarray(0, size));
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.requests).toMatchObject([{ range: `bytes=${size}-`, ifRange: '"same"' }]);
  });

  test('at every tenth, one after the other, is no reason to give up', async () => {
    const answers = [...tenths.map((share) => faults.cutAt(share)), faults.serveAs('"same"')];
    const { store, hub } = await storeWith(graph, answers);
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.requests).toHaveLength(10);
  });

  test('of a small file at every tenth, too', async () => {
    const answers = [...tenths.map((share) => faults.cutAt(share)), faults.serveAs('"same"')];
    const { store } = await storeWith('tokenizer.json', answers);
    expect(await downloadFile(store, { path: 'tokenizer.json' })).toBe(true);
    await expectStored(store, 'tokenizer.json');
  });

  test('that ended an earlier call is gone on with by the next', async () => {
    const broken = [faults.cutAt(0.5), ...faults.always(faults.cutAt(0.5))];
    const { store, hub } = await storeWith(graph, broken);
    expect(await failure(downloadFile(store, { path: graph }))).toMatch(
      /^DOWNLOAD_FAILED: .*a connection that broke after \d+ of \d+ bytes/,
    );
    expect(await leftIn(store)).toEqual([partPath('vision_encoder.onnx', { tag: '"same"' })]);
    const good = await fakeHub(modelDirectory, {
      answers: { [graph]: [faults.serveAs('"same"')] },
    });
    expect(await downloadFile({ ...store, host: good.host }, { path: graph })).toBe(true);
    await expectStored(store, graph);
    const start = startOf(good.requests[0]?.range);
    expect(start).toBeGreaterThan(0);
    expect(start).toBeLessThanOrEqual(graphBytes.length / 2);
    expect(hub.requests.length).toBeGreaterThan(1);
  });

  test('is started anew if the file has changed, or its identity is unknown', async () => {
    const cases: readonly [Answer, Answer][] = [
      // Another file at the server, which says so by sending all of it, or by another tag.
      [faults.cutAt(0.5), faults.serveAs('"other"')],
      [faults.cutAt(0.5, { etag: 'W/"weak"' }), faults.serveAs('W/"changed"')],
      // Nothing to tell it by.
      [faults.cutAt(0.5, {}), faults.serveAs('"any"')],
      // A server that ignores ranges.
      [faults.cutAt(0.5), ({ response, bytes }) => response.end(bytes)],
      // A server that sends another part than was asked for.
      [faults.cutAt(0.5), faults.unaskedPart],
    ];
    for (const answers of cases) {
      const { store } = await storeWith(graph, answers);
      expect(await downloadFile(store, { path: graph })).toBe(true);
      await expectStored(store, graph);
    }
  });

  test('that came after all bytes needs no more than a look', async () => {
    const { store, hub } = await storeWith(graph, []);
    const target = join(store.folder, graph);
    await mkdir(join(store.folder, 'onnx'));
    await writeFile(partPath(target, { tag: '"same"' }), graphBytes);
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.requests).toHaveLength(1);
  });

  test('whose rest does not fit is noticed by the SHA-256', async () => {
    const hub = await fakeHub(modelDirectory, { storage: true });
    const store = await storeOn(hub.host);
    const target = join(store.folder, graph);
    const sha256 = createHash('sha256').update(graphBytes).digest('hex');
    const wrong = Buffer.from(graphBytes.subarray(0, 1000));
    wrong[500] = 255 - (wrong[500] ?? 0);
    await mkdir(join(store.folder, 'onnx'));
    await writeFile(partPath(target, { sha256 }), wrong);
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.stored.map(({ range }) => range)).toEqual(['bytes=1000-', undefined]);
  });
});

describe('checks', () => {
  test('contents that differ from what the hub says are refused', async () => {
    const hub = await fakeHub(modelDirectory, {
      storage: true,
      answers: { [graph]: faults.always(faults.damaged) },
    });
    const store = await storeOn(hub.host);
    expect(await failure(downloadFile(store, { path: graph }))).toMatch(
      /^DOWNLOAD_FAILED: .*SHA-256 [0-9a-f]{64} where the hub lists [0-9a-f]{64}/,
    );
    expect(await leftIn(store)).toEqual([]);
  });

  test('another size than the hub lists is refused', async () => {
    const { store } = await storeWith('config.json', []);
    const request = { path: 'config.json', expected: { size: 5 } };
    expect(await failure(downloadFile(store, request))).toMatch(/bytes where the hub lists 5/);
  });

  test('data has at least the bytes that the graph refers to', async () => {
    const files = { 'onnx/model.onnx_data': Buffer.alloc(1000, 1) };
    const hub = await fakeHub(modelDirectory, { files });
    const store = await storeOn(hub.host);
    const path = 'onnx/model.onnx_data';
    expect(await failure(downloadFile(store, { path, leastBytes: 1001 }))).toMatch(
      /1000 bytes where the graph refers to 1001/,
    );
    expect(await downloadFile(store, { path, leastBytes: 1000 })).toBe(true);
  });

  test('what an older version stored and is no good is fetched again', async () => {
    const { store } = await storeWith('config.json', []);
    await writeFile(join(store.folder, 'config.json'), '<html>please log in</html>');
    expect(await downloadFile(store, { path: 'config.json' })).toBe(true);
    await expectStored(store, 'config.json');
  });
});

describe('the token', () => {
  test('goes to the hub, and not to where it redirects', async () => {
    const hub = await fakeHub(modelDirectory, { storage: true });
    const store = await storeOn(hub.host, { token: 'secret' });
    expect(await downloadFile(store, { path: graph })).toBe(true);
    await expectStored(store, graph);
    expect(hub.requests.map(({ token }) => token)).toEqual(['Bearer secret']);
    expect(hub.stored.map(({ token }) => token)).toEqual([undefined]);
  });

  test('goes along where the hub redirects to itself', async () => {
    const moved = faults.redirect((path) => path.replace('config.json', 'tokenizer.json'), 307);
    const { store, hub } = await storeWith('config.json', [moved], { token: 'secret' });
    expect(await downloadFile(store, { path: 'config.json' })).toBe(true);
    expect(hub.requests.map(({ token }) => token)).toEqual(['Bearer secret', 'Bearer secret']);
  });
});

describe('two who ask for one file', () => {
  test('share a transfer, and both hear of it', async () => {
    const { store, hub } = await storeWith(graph, []);
    const heard: DownloadProgress[][] = [[], [], []];
    const all = await Promise.all(
      heard.map((steps) =>
        downloadFile({ ...store, onProgress: (step) => steps.push(step) }, { path: graph }),
      ),
    );
    expect(all).toEqual([true, true, true]);
    await expectStored(store, graph);
    expect(hub.requests).toHaveLength(1);
    for (const steps of heard) {
      expect(steps.at(-1)).toMatchObject({
        file: graph,
        loaded: graphBytes.length,
        total: graphBytes.length,
      });
    }
  });

  test('one of whom leaves: the other gets it', async () => {
    const interruption = new AbortController();
    const leave: Answer = ({ serve }) => {
      interruption.abort(new Error('enough'));
      setTimeout(serve, 20);
    };
    const { store, hub } = await storeWith(graph, [leave]);
    const [left, stayed] = await Promise.allSettled([
      downloadFile({ ...store, signal: interruption.signal }, { path: graph }),
      downloadFile(store, { path: graph }),
    ]);
    expect(left.status).toBe('rejected');
    expect(stayed).toMatchObject({ status: 'fulfilled', value: true });
    expect(hub.requests).toHaveLength(1);
    await expectStored(store, graph);
  });

  test('in two processes: the second waits for the first', async () => {
    const { store, hub } = await storeWith(graph, []);
    const target = join(store.folder, graph);
    await mkdir(join(store.folder, 'onnx'));
    await writeFile(`${target}.lock`, `another host\n1\nmark\n`);
    const waiting = downloadFile(store, { path: graph });
    setTimeout(() => writeFile(target, graphBytes), 50);
    expect(await waiting).toBe(true);
    expect(hub.requests).toEqual([]);
    await access(`${target}.lock`);
  });
});
