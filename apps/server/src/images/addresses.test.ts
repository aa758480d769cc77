import type { LookupAddress } from 'node:dns';
import { expect, test } from 'vitest';
import { isPublicAddress, PrivateAddress, publicLookup } from './addresses.js';

test.each([
  '127.0.0.1',
  '127.8.9.1',
  '0.0.0.0',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'fc00::1',
  'fd12:3456::1',
  'ff02::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '64:ff9b::7f00:1',
  '64:ff9b:1::7f00:1',
  '::7f00:1',
  '::127.0.0.1',
  '::ffff:0:7f00:1',
  'fec0::1',
  '3fff::1',
  '4000::1',
  '2001:0:7f00:1::',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  'localhost',
  '',
])('%s is nobody’s business', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['1.1.1.1', '93.184.215.14', '172.32.0.1', '2606:4700::1111', '::ffff:1.1.1.1'])(
  '%s is public',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

/** Looks up a name that means these addresses. */
function lookUp(addresses: readonly string[], all: boolean): Promise<unknown> {
  const found = addresses.map(
    (address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 }),
  );
  const look = publicLookup(((_name: string, _options: object, callback: Callback) =>
    callback(null, found)) as never);
  return new Promise((resolve, reject) => {
    look('example.org', { all } as never, (error, address, family) =>
      error ? reject(error) : resolve(all ? address : [address, family]),
    );
  });
}

type Callback = (error: null, addresses: LookupAddress[]) => void;

test('a name is looked up as long as all that it means is public', async () => {
  expect(await lookUp(['1.1.1.1'], false)).toEqual(['1.1.1.1', 4]);
  expect(await lookUp(['1.1.1.1', '2606:4700::1111'], true)).toHaveLength(2);
  await expect(lookUp(['127.0.0.1'], false)).rejects.toThrow(PrivateAddress);
  await expect(lookUp(['1.1.1.1', '::1'], true)).rejects.toThrow(PrivateAddress);
  await expect(lookUp([], true)).rejects.toThrow(PrivateAddress);
});
