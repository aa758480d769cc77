/** Pictures from other servers: from allowed hosts alone, over HTTPS, without redirects. */
import { Agent, request } from 'undici';
import { badRequest } from '../api/errors.js';
import { readBounded } from '../limits/bounded.js';
import type { Limits } from '../limits/limits.js';
import { isPublicAddress, PrivateAddress, publicLookup } from './addresses.js';
import { isAllowed } from './hosts.js';

export interface RemoteImages {
  /**
   * The bytes at an address.
   *
   * @throws ApiError 400 that says why it is not fetched, or what came instead
   */
  fetch(url: URL, param: string, signal: AbortSignal): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface RemoteOptions {
  /** Hosts that pictures may come from, as `chooseHosts` gives them. */
  readonly hosts: readonly string[];
  readonly limits: Pick<Limits, 'imageBytes' | 'imageMs'>;
  /** Lets names mean addresses in another way, and speak HTTP; for tests. */
  readonly network?: { readonly agent: Agent; readonly protocols: readonly string[] };
}

export function remoteImages({ hosts, limits, network }: RemoteOptions): RemoteImages {
  const agent = network?.agent ?? publicAgent();
  const protocols = network?.protocols ?? ['https:'];
  return {
    async fetch(url, param, signal) {
      const refuse = (why: string) => badRequest('invalid_image_url', why, param);
      if (!protocols.includes(url.protocol)) {
        throw refuse(`expected a data: or https: URL, got ${url.protocol}`);
      }
      if (url.username !== '' || url.password !== '') {
        throw refuse('expected a URL without a user name and password');
      }
      // Sockets look up names alone.
      const host = url.hostname.replace(/^\[|\]$/g, '');
      const isAddress = /^[\d.]+$|:/.test(host);
      if (!isAllowed(url.hostname, hosts) || (isAddress && !isPublicAddress(host))) {
        throw refuse(
          hosts.length === 0
            ? 'this server fetches no images; send them as data: URLs'
            : `this server fetches images from ${hosts.join(', ')} only, got ${host}; send the image as a data: URL`,
        );
      }
      try {
        const response = await request(url, {
          dispatcher: agent,
          signal: AbortSignal.any([signal, AbortSignal.timeout(limits.imageMs)]),
          headers: { accept: 'image/*', 'user-agent': 'transprune' },
        });
        if (response.statusCode !== 200) {
          await response.body.dump();
          throw refuse(`expected an image at the URL, got status ${response.statusCode}`);
        }
        return await readBounded(response.body, limits.imageBytes, () =>
          refuse(`expected an image of at most ${limits.imageBytes} bytes, got a larger one`),
        );
      } catch (error) {
        signal.throwIfAborted();
        throw toRefusal(error, limits, refuse);
      }
    },
    close: () => agent.close(),
  };
}

/** Connects to public addresses alone. */
export function publicAgent(lookup = publicLookup()): Agent {
  return new Agent({ connect: { lookup, timeout: 5000 }, headersTimeout: 10_000 });
}

/** What clients are told; nothing of the network here. */
function toRefusal(
  error: unknown,
  { imageMs }: Pick<Limits, 'imageMs'>,
  refuse: (why: string) => Error,
): unknown {
  if (!(error instanceof Error) || error.name === 'ApiError') return error;
  if (error instanceof PrivateAddress) {
    return refuse('the host of the image has no public address; send the image as a data: URL');
  }
  if (error.name === 'TimeoutError') return refuse(`the image did not come within ${imageMs} ms`);
  return refuse('the image could not be fetched');
}
