/** What nobody should send, as a table: names, and what is sent. */
import { deflateSync, gzipSync } from 'node:zlib';
import { model, sample } from './server.js';

/** A request by its parts, or the bytes of a connection. */
export type Hostile = readonly [name: string, request: HostileRequest];
export interface HostileRequest {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

const chat = '/v1/chat/completions';
const responses = '/v1/responses';
const scene = sample('scene-1.png');
const messages = [{ role: 'user', content: 'what?' }];
const json = (name: string, body: unknown, path = chat): Hostile => [
  name,
  { path, body: JSON.stringify(body) },
];
const withFields = (name: string, fields: object) => json(name, { model, messages, ...fields });
const withMessage = (name: string, message: unknown) => json(name, { model, messages: [message] });
const withParts = (name: string, ...content: unknown[]) =>
  withMessage(name, { role: 'user', content });
const withImage = (name: string, url: unknown) =>
  withParts(name, { type: 'image_url', image_url: { url } });
const withImageBytes = (name: string, bytes: Uint8Array, type = 'png') =>
  withImage(name, `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}`);

function manyFields(count: number): string {
  return Array.from({ length: count }, (_, i) => `"k${i}":0`).join();
}

const bodies: readonly Hostile[] = [
  ['nothing', ''],
  ['a brace', '{'],
  ['half an object', '{"model": "x", "messages": ['],
  ['a comma too many', '{"model": "x",}'],
  ['no value', '{"model": }'],
  ['single quotes', "{'model': 'x'}"],
  ['names without quotes', '{model: "x"}'],
  ['a comment', '{} // comment'],
  ['not a number', '{"model": NaN}'],
  ['undefined', 'undefined'],
  ['XML', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'],
  ['a form', 'model=x&messages=y'],
  ['two objects', '{}{}'],
  ['zeros', '\0\0\0\0'],
  ['null', 'null'],
  ['true', 'true'],
  ['a number', '1e999'],
  ['a text', '"text"'],
  ['a list', '[]'],
  ['a deep list', '['.repeat(100_000)],
  ['a deep list that ends', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['a deep object', '{"a":'.repeat(50_000)],
  ['a deep field', `{"model":"${model}","messages":${'['.repeat(9000)}${']'.repeat(9000)}}`],
  ['a list of many', `[${'0,'.repeat(1_000_000)}0]`],
  ['a list of brackets', '['.repeat(1_900_000)],
  ['metadata of many', `{"model":"${model}","metadata":{${manyFields(150_000)}}}`],
  [
    'parts of many',
    `{"model":"${model}","messages":[{"role":"user","content":[${'{},'.repeat(600_000)}{}]}]}`,
  ],
  ['many fields', `{${manyFields(50_000)}}`],
  ['a long name', `{"${'k'.repeat(1_000_000)}":0}`],
  ['text that is no UTF-8', Uint8Array.of(0x22, 0xff, 0xfe, 0x22)],
  ['half a letter', Uint8Array.of(0x22, 0xe2, 0x82, 0x22)],
  ['UTF-16', Buffer.from('{"model": "x"}', 'utf16le')],
].map(([name, body]) => [`body: ${name}`, { path: chat, body } as HostileRequest]);

const types: readonly Hostile[] = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/jsonp',
  'application/json-patch+json',
  'image/png',
  'application/json\\',
].map((type) => [
  `type ${type}`,
  {
    path: chat,
    headers: { 'Content-Type': type },
    body: JSON.stringify({ model, messages }),
  },
]);

/** One more than metadata may have. */
const seventeen = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'x']));

/** Values that fit no field below. */
const wrong: Readonly<Record<string, readonly unknown[]>> = {
  model: [1, '', [], {}, true, 'x'.repeat(100_000), '../../etc/passwd'],
  messages: ['x', {}, [], 1, [[]], [null], [{}]],
  stream: ['true', 1, {}],
  stream_options: [true, 'x', { include_usage: 'yes' }, { other: true }],
  stop: [1, {}, [], [1], ['a', 'b', 'c', 'd', 'e'], '', 'x'.repeat(10_000)],
  max_tokens: ['5', 0, -1, 1.5, 1e30, 2 ** 31],
  max_completion_tokens: [true, -1, 1e9],
  temperature: ['hot', -0.1, 2.1, 1e300, {}],
  top_p: [0, -1, 1.1, '1'],
  seed: [1.5, 'x', 1e300, {}],
  n: [0, 2, '1', -1],
  user: [1, {}],
  metadata: ['x', { a: 1 }, [], { a: 'x'.repeat(513) }, { ['x'.repeat(65)]: 'a' }, seventeen],
  pruning: [true, 'high', [], { keepRatios: 'all' }, { keepRatios: [] }, { keepRatios: [2, 1, 1] }],
};

const fields: readonly Hostile[] = Object.entries(wrong).flatMap(([field, values]) =>
  values.map((value) => {
    const shown = JSON.stringify(value).slice(0, 40);
    return withFields(`${field}: ${shown}`, { [field]: value });
  }),
);

/** The same of responses. */
const wrongInResponses: Readonly<Record<string, readonly unknown[]>> = {
  input: [[], {}, 1, [[]], [null], [{ role: 'root', content: 'x' }], [{ role: 'user' }]],
  instructions: [1, {}, []],
  stream: ['true', 1],
  max_output_tokens: ['5', 0, -1, 1.5, 1e9],
  temperature: ['hot', 3],
  stop: [{}, ''],
  metadata: ['x', { a: 1 }],
  text: ['x', 5, { format: 'json' }, { verbosity: 'high' }],
  reasoning: [5, 'x', { effort: 'high' }],
  tools: ['x', 5, { a: 1 }],
  include: ['x', ['x']],
  conversation: ['x', {}],
  pruning: [true, { preset: 1 }],
};

const fieldsOfResponses: readonly Hostile[] = Object.entries(wrongInResponses).flatMap(
  ([field, values]) =>
    values.map((value) =>
      json(
        `response’s ${field}: ${JSON.stringify(value).slice(0, 40)}`,
        { model, input: 'what?', [field]: value },
        responses,
      ),
    ),
);

const encodings: readonly Hostile[] = ['gzip', 'br', 'deflate, gzip', 'x'].map((encoding) => [
  `encoding ${encoding}`,
  {
    path: chat,
    headers: { 'Content-Encoding': encoding },
    body:
      encoding === 'gzip'
        ? gzipSync(Buffer.alloc(50_000_000))
        : JSON.stringify({ model, messages }),
  },
]);

const unsupported: readonly Hostile[] = [
  { tools: [{ type: 'function', function: { name: 'f' } }] },
  { functions: [{}] },
  { response_format: { type: 'json_schema' } },
  { logit_bias: { 1: 100 } },
  { logprobs: true },
  { audio: {} },
  { web_search_options: {} },
  { prediction: { type: 'content' } },
  { anything: 1 },
].map((params) => withFields(`not supported: ${Object.keys(params)}`, params));

const inMessages: readonly Hostile[] = [
  withMessage('message: a role that is none', { role: 'root', content: 'x' }),
  withMessage('message: a tool’s', { role: 'tool', content: 'x', tool_call_id: '1' }),
  withMessage('message: no content', { role: 'user' }),
  withMessage('message: null', { role: 'user', content: null }),
  withMessage('message: a number', { role: 'user', content: 5 }),
  withMessage('message: no parts', { role: 'user', content: [] }),
  withMessage('message: tool calls', { role: 'assistant', content: 'x', tool_calls: [] }),
  withMessage('message: an image of the system', {
    role: 'system',
    content: [{ type: 'image_url', image_url: { url: scene } }],
  }),
  withParts('part: null', null),
  withParts('part: of no type', { text: 'x' }),
  withParts('part: a file', { type: 'file', file: { file_id: 'x' } }),
  withParts('part: audio', { type: 'input_audio', input_audio: { data: '', format: 'wav' } }),
  withParts('part: a text that is none', { type: 'text', text: {} }),
  withParts('part: an image as a text', { type: 'image_url', image_url: scene }),
  withParts('part: a detail that is none', {
    type: 'image_url',
    image_url: { url: scene, detail: 'all' },
  }),
  withParts('part: a placeholder in a text', { type: 'text', text: '<image>'.repeat(50) }),
  withParts(
    'parts: too many images',
    ...Array(9).fill({ type: 'image_url', image_url: { url: scene } }),
  ),
  withParts('parts: too many', ...Array(600).fill({ type: 'text', text: 'x' })),
  json('messages: too many', { model, messages: Array(600).fill(messages[0]) }),
  withMessage('message: a long text', { role: 'user', content: 'a '.repeat(60_000) }),
  withMessage('message: a prompt of many tokens', {
    role: 'user',
    content: 'what color is the heart ? '.repeat(2000),
  }),
  json('input: a number', { model, input: 5 }, responses),
  json(
    'input: a file',
    { model, input: [{ role: 'user', content: [{ type: 'input_file' }] }] },
    responses,
  ),
  json('input: a call', { model, input: [{ type: 'function_call', name: 'f' }] }, responses),
  json(
    'input: an item that is referred to',
    { model, input: [{ type: 'item_reference', id: 'x' }] },
    responses,
  ),
  json(
    'response: an earlier one',
    { model, input: 'x', previous_response_id: 'resp_1' },
    responses,
  ),
];

/** Names that objects have of themselves. JSON's own text, for a literal would set the prototype. */
const prototypes: readonly Hostile[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
].flatMap((key): Hostile[] => {
  const own = `"${key}":{"polluted":true}`;
  const asked = `"model":"${model}","messages":[{"role":"user","content":"x"}]`;
  const bad = (where: string, body: string): Hostile => [
    `${key} in ${where}`,
    { path: chat, body },
  ];
  return [
    bad('the body', `{${asked},${own}}`),
    bad('a message', `{"model":"${model}","messages":[{"role":"user","content":"x",${own}}]}`),
    bad(
      'a part',
      `{"model":"${model}","messages":[{"role":"user","content":[{"type":"text","text":"x",${own}}]}]}`,
    ),
    bad('the pruning', `{${asked},"pruning":{${own}}}`),
    bad('a preset', `{${asked},"pruning":{"preset":"${key}"}}`),
  ];
});

/** A PNG's head that says its size, and rows that are not as many. */
export function pngOf(width: number, height: number, rows: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, check]);
}

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}

/** Heads of other formats that promise 10,000 x 10,000 pixels. */
const jpegHead = Buffer.from('ffd8ffc0001108271027100301220002110103110100', 'hex');
const gifHead = Buffer.from(
  '47494638396110271027800000000000ffffff2c00000000102710270002024401003b',
  'hex',
);
const webpHead = Buffer.from('524946461200000057454250565038580a000000000000000f27000f2700', 'hex');
const sceneBytes = Buffer.from(scene.slice(scene.indexOf(',') + 1), 'base64');

const pictures: readonly Hostile[] = [
  withImageBytes('picture: a text', Buffer.from('hello')),
  withImageBytes('picture: half', sceneBytes.subarray(0, 100)),
  withImageBytes('picture: a head alone', sceneBytes.subarray(0, 33)),
  withImageBytes('picture: cut off', sceneBytes.subarray(0, sceneBytes.length - 30)),
  withImageBytes('picture: 100 megapixels, PNG', pngOf(10_000, 10_000, new Uint8Array(10))),
  withImageBytes('picture: 4 gigapixels, PNG', pngOf(65_535, 65_535, new Uint8Array(10))),
  withImageBytes(
    'picture: the largest size, PNG',
    pngOf(2 ** 31 - 1, 2 ** 31 - 1, new Uint8Array(1)),
  ),
  withImageBytes('picture: no size, PNG', pngOf(0, 0, new Uint8Array(0))),
  withImageBytes('picture: a bomb, PNG', pngOf(5000, 5000, new Uint8Array(15_005_000))),
  withImageBytes('picture: too few rows, PNG', pngOf(4000, 4000, new Uint8Array(100))),
  withImageBytes('picture: 100 megapixels, JPEG', jpegHead, 'jpeg'),
  withImageBytes('picture: 100 megapixels, GIF', gifHead, 'gif'),
  withImageBytes('picture: 100 megapixels, WebP', webpHead, 'webp'),
  withImageBytes(
    'picture: SVG',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    'svg+xml',
  ),
  withImageBytes(
    'picture: SVG that includes a file',
    Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd" width="9" height="9"/></svg>',
    ),
  ),
  withImageBytes('picture: PDF', Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj\n')),
  withImageBytes('picture: PostScript', Buffer.from('%!PS\nquit\n')),
  withImageBytes('picture: HTML', Buffer.from('<html><img src="x"></html>')),
  withImageBytes('picture: TIFF', Buffer.from('49492a0008000000', 'hex'), 'tiff'),
  withImageBytes('picture: BMP', Buffer.from('424d00000000', 'hex'), 'bmp'),
  withImageBytes('picture: zip', Buffer.from('504b0304', 'hex')),
  withImageBytes('picture: an executable', Buffer.from('7f454c46', 'hex')),
  withImage('data URL: nothing', 'data:'),
  withImage('data URL: no data', 'data:image/png;base64,'),
  withImage('data URL: no comma', 'data:image/png;base64'),
  withImage('data URL: not base64', 'data:image/png,%89PNG'),
  withImage('data URL: letters that are none', 'data:image/png;base64,!!!!'),
  withImage('data URL: a number', 5),
  withImage('data URL: null', null),
  withImage('data URL: empty', ''),
  withImage('data URL: a long type', `data:${'a'.repeat(1_000_000)};base64,AAAA`),
  withImage('data URL: many semicolons', `data:${';'.repeat(1_000_000)},AAAA`),
  withImage('data URL: much that fills up', `data:image/png;base64,${'='.repeat(1_000_000)}A`),
  withImage('data URL: nothing but filling', `data:image/png;base64,${'='.repeat(1_000_000)}`),
];

const addresses: readonly Hostile[] = [
  'file:///etc/passwd',
  'ftp://images.example.org/x.png',
  'gopher://images.example.org/',
  'javascript:alert(1)',
  'blob:https://images.example.org/x',
  '/etc/passwd',
  '../x.png',
  'C:\\x.png',
  'http://images.example.org/x.png',
  'https://',
  'https://other.example.org/x.png',
  'https://images.example.org.evil.test/x.png',
  'https://images.example.org@evil.test/x.png',
  'https://user:word@images.example.org/x.png',
  'https://evil.test#images.example.org',
  'https://evil.test\\images.example.org',
  'https://images.example.org%2eevil.test/',
  'https://localhost/',
  'https://localhost.',
  'https://127.0.0.1/',
  'https://127.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://10.0.0.1/',
  'https://192.168.0.1/',
  'https://172.16.0.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:10.0.0.1]/',
  'https://[fd00::1]/',
  'https://metadata.google.internal/',
  'https://１２７.０.０.１/',
].map((url) => withImage(`address: ${url}`, url));

/** What an error might say again. */
const long: readonly Hostile[] = [
  withImage('long: a protocol', `${'a'.repeat(1_000_000)}:x`),
  withImage('long: a host', `https://${'a.'.repeat(500_000)}test/`),
  withImage('long: a path', `https://images.example.org/${'a'.repeat(1_000_000)}`),
  withFields('long: a preset', { pruning: { preset: 'x'.repeat(1_000_000) } }),
  withFields('long: a method', { pruning: { method: 'x'.repeat(1_000_000) } }),
  withFields('long: a name', { ['x'.repeat(1_000_000)]: 1 }),
  withFields('long: a name in the pruning', { pruning: { ['x'.repeat(1_000_000)]: 1 } }),
  withMessage('long: a role', { role: 'x'.repeat(1_000_000), content: 'x' }),
  withParts('long: a type', { type: 'x'.repeat(1_000_000) }),
];

const paths: readonly Hostile[] = [
  ['path: a file', { path: '/../../etc/passwd', method: 'GET' }],
  ['path: a file, encoded', { path: '/%2e%2e/%2e%2e/etc/passwd', method: 'GET' }],
  ['path: half a letter', { path: '/v1/models/%E0%A4%A', method: 'GET' }],
  ['path: a zero', { path: '/v1/models/%00', method: 'GET' }],
  ['path: a model’s prototype', { path: '/v1/models/__proto__', method: 'GET' }],
  ['path: long', { path: `/${'a'.repeat(8000)}`, method: 'GET' }],
  ['path: a script', { path: '/%3Cscript%3Ealert(1)%3C/script%3E', method: 'GET' }],
  ['method: DELETE', { path: '/v1/models', method: 'DELETE' }],
  ['method: PUT', { path: chat, method: 'PUT', body: '{}' }],
  ['method: GET for an answer', { path: chat, method: 'GET' }],
  [
    'body: larger than allowed',
    { path: chat, body: JSON.stringify({ model, messages, user: 'x'.repeat(2_100_000) }) },
  ],
  ['body: much larger than allowed', { path: chat, body: new Uint8Array(30_000_000) }],
  ['header: large', { path: chat, headers: { 'X-Large': 'x'.repeat(100_000) }, body: '{}' }],
];

/** All of them; each must be answered by 4xx. */
export const hostile: readonly Hostile[] = [
  ...bodies,
  ...types,
  ...encodings,
  ...fields,
  ...fieldsOfResponses,
  ...unsupported,
  ...inMessages,
  ...prototypes,
  ...pictures,
  ...addresses,
  ...long,
  ...paths,
];

/** Bytes of connections that are no HTTP, or hardly. */
export const rawHostile: readonly (readonly [name: string, bytes: string])[] = [
  ['no HTTP', 'hello\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['another version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['a method that is none', 'STEAL / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
  ['a zero in a header', 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n'],
  ['a header without a name', 'GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n'],
  ['a line end alone', 'GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\nSet-Cookie: b\r\n\r\n'],
  ['a length that is none', `POST ${chat} HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n`],
  ['a length below zero', `POST ${chat} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`],
  [
    'two lengths',
    `POST ${chat} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}`,
  ],
  [
    'a length and chunks',
    `POST ${chat} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'a chunk that is none',
    `POST ${chat} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ],
];
