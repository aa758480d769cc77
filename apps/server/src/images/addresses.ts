/** Which addresses on the network pictures may come from. */
import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

const globalUnicast = ipaddr.IPv6.parse('2000::');

/** False for private, local and other special networks, also where they are written as IPv6. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return false;
  // Of IPv6, 2000::/3 is all that is given out; elsewhere are other ways to write IPv4, such as ::7f00:1.
  return parsed.kind() === 'ipv4' || parsed.match(globalUnicast, 3);
}

/**
 * A DNS look-up for sockets that finds public addresses alone: what is checked is the very address that is
 * connected to, so that a name cannot mean another one a moment later.
 *
 * @param look resolves names; the system does if left out
 */
export function publicLookup(look: typeof resolve = resolve): LookupFunction {
  return (hostname, options, callback) => {
    look(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const found = addresses.filter(({ address }) => isPublicAddress(address));
      if (found.length === addresses.length && found.length > 0) {
        if (options.all) return callback(null, found);
        const [first] = found;
        return callback(null, first?.address ?? '', first?.family);
      }
      callback(new PrivateAddress(hostname), []);
    });
  };
}

/** A name that means an address which is nobody's business. */
export class PrivateAddress extends Error {
  constructor(hostname: string) {
    super(`${hostname} has an address that is not public`);
    this.name = 'PrivateAddress';
  }
}
