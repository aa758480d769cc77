/** Hosts that pictures may be fetched from. */
import { TransPruneError } from '@transprune/core';

/**
 * Hosts as URLs name them, whatever their letters were.
 *
 * @param given such as `images.example.org`; `*.example.org` for all hosts below
 * @throws TransPruneError INVALID_ARGUMENT for what is no host, such as a URL, or all hosts that there are
 */
export function chooseHosts(given: readonly string[]): readonly string[] {
  return given.map((host) => {
    const [, below = '', name = ''] = /^(\*\.)?(.*)$/s.exec(host) ?? [];
    const { hostname, href } = parsed(`https://${name}`);
    // With a port, a path or a user it is more than a host.
    if (hostname !== '' && href === `https://${hostname}/` && !hostname.includes('*')) {
      return below + hostname;
    }
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a host of images such as images.example.org or *.example.org, got ${host}`,
      { field: 'imageHosts', got: host },
    );
  });
}

/** True for a host that is one of these, or below one. */
export function isAllowed(host: string, hosts: readonly string[]): boolean {
  return hosts.some((allowed) =>
    allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed,
  );
}

function parsed(url: string): { readonly hostname: string; readonly href: string } {
  return URL.canParse(url) ? new URL(url) : { hostname: '', href: '' };
}
