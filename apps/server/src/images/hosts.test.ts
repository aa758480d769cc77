/** Which hosts may be named, and what they allow. */
import { expect, test } from 'vitest';
import { chooseHosts, isAllowed } from './hosts.js';

test('hosts are written as URLs write them', () => {
  const given = [
    'Images.Example.ORG',
    '*.Example.com',
    'b\u00fccher.example',
    '1.1.1.1',
    '[2606::1]',
  ];
  expect(chooseHosts(given)).toEqual([
    'images.example.org',
    '*.example.com',
    'xn--bcher-kva.example',
    '1.1.1.1',
    '[2606::1]',
  ]);
});

test.each([
  '',
  '*',
  '*.',
  '*.*.example.org',
  'a*.example.org',
  'https://example.org',
  'example.org/pictures',
  'example.org:8080',
  'user@example.org',
  'example.org?x',
  'a b',
])('%j is no host', (host) => {
  expect(() => chooseHosts([host])).toThrow(/^expected a host of images .* got /);
});

test.each([
  ['images.example.org', true],
  ['a.example.com', true],
  ['b.a.example.com', true],
  ['example.com', false],
  ['badexample.com', false],
  ['images.example.org.', false],
  ['other.example.org', false],
])('%s is allowed: %s', (host, expected) => {
  expect(isAllowed(host, chooseHosts(['images.example.org', '*.example.com']))).toBe(expected);
});
