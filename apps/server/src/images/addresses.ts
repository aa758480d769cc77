/** Which addresses on the network pictures may come from. */
import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** False for private, local and other special networks, also where they are written as IPv6. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  return ipaddr.process(address).range() === 'unicast';
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
