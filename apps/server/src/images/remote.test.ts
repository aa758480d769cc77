/** Pictures from other servers. */
import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { elsewhere } from '../../testing/elsewhere.js';
import { chooseHosts } from './hosts.js';
import { publicAgent, remoteImages } from './remote.js';

const limits = { imageBytes: 1000, imageMs: 60_000 };

const { signal } = new AbortController();
const hosts = ['pictures.test', '*.more.test'];

describe('a picture', () => {
  test('comes from an allowed host', async () => {
    const asked: unknown[] = [];
    const { port, network } = await elsewhere(({ url, headers }, response) => {
      asked.push([url, headers.host, headers.cookie, headers.authorization]);
      response.end('bytes');
    });
    const remote = remoteImages({ hosts, limits, network });
    for (const host of ['pictures.test', 'a.more.test', 'b.a.more.test']) {
      const url = new URL(`http://${host}:${port}/x.png?a=1`);
      expect(Buffer.from(await remote.fetch(url, 'p', signal)).toString()).toBe('bytes');
    }
    expect(asked[0]).toEqual(['/x.png?a=1', `pictures.test:${port}`, undefined, undefined]);
    await remote.close();
  });

  test.each([
    'http://other.test/',
    'http://more.test/',
    'http://pictures.test.evil.test/',
    'http://evilpictures.test/',
    'http://pictures.test@evil.test/',
    'http://user:word@pictures.test/',
    'http://pictures.test./',
    'ftp://pictures.test/',
    'file:///etc/passwd',
  ])('does not come from %s', async (address) => {
    const asked: unknown[] = [];
    const { network } = await elsewhere(({ url }, response) => {
      asked.push(url);
      response.end();
    });
    const remote = remoteImages({ hosts, limits, network });
    const failing = remote.fetch(new URL(address), 'p', signal);
    await expect(failing).rejects.toMatchObject({ status: 400, param: 'p' });
    expect(asked).toEqual([]);
    await remote.close();
  });

  test.each<[string, RequestListener, RegExp]>([
    [
      'a redirect',
      (_, response) => response.writeHead(302, { Location: 'http://127.0.0.1/' }).end(),
      /got status 302/,
    ],
    ['an error', (_, response) => response.writeHead(500).end('secret'), /got status 500/],
    ['a large body', (_, response) => response.end(Buffer.alloc(1001)), /at most 1000 bytes/],
    ['a broken connection', ({ socket }) => socket.destroy(), /could not be fetched/],
    [
      'a body that breaks off',
      ({ socket }, response) => {
        response.writeHead(200, { 'Content-Length': 100 });
        response.write('half', () => socket.destroy());
      },
      /could not be fetched/,
    ],
  ])('%s is none', async (_, listener, expected) => {
    const { port, network } = await elsewhere(listener);
    const remote = remoteImages({ hosts, limits, network });
    const failing = remote.fetch(new URL(`http://pictures.test:${port}/`), 'p', signal);
    const error = await failing.catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(expected) });
    expect((error as Error).message).not.toMatch(/secret|127\.0\.0\.1/);
    await remote.close();
  });

  test('that does not come is not waited for', async () => {
    const { port, network } = await elsewhere(() => {});
    const remote = remoteImages({ hosts, limits: { ...limits, imageMs: 100 }, network });
    const url = new URL(`http://pictures.test:${port}/`);
    await expect(remote.fetch(url, 'p', signal)).rejects.toThrow('within 100 ms');
    const patient = remoteImages({ hosts, limits, network });
    const leaving = patient.fetch(url, 'p', AbortSignal.abort(new Error('left')));
    await expect(leaving).rejects.toThrow('left');
    await network.agent.destroy();
  });
});

describe('an address that is not public', () => {
  test.each([
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://0177.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://169.254.169.254/',
    'https://localhost/',
  ])('is not asked, though it is on the list: %s', async (address) => {
    const url = new URL(address);
    const remote = remoteImages({ hosts: chooseHosts([url.hostname]), limits });
    await expect(remote.fetch(url, 'p', signal)).rejects.toMatchObject({
      status: 400,
      code: 'invalid_image_url',
    });
    await remote.close();
  });

  test('is found by the connection itself, whatever a name means', async () => {
    const { port } = await elsewhere((_, response) => response.end('secret'));
    // The system's own look-up: this name means this machine.
    const network = { agent: publicAgent(), protocols: ['http:'] };
    const remote = remoteImages({ hosts: ['localhost'], limits, network });
    const failing = remote.fetch(new URL(`http://localhost:${port}/`), 'p', signal);
    await expect(failing).rejects.toThrow('has no public address');
    await remote.close();
  });
});
