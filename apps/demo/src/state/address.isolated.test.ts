/** What is read from the address; pictures are read when they are told to. */
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { keepAddress, startAddress } from './address.js';
import { failure, picture, pictureSize, question } from './store.js';

const location = { hash: '' };
const asked: string[] = [];
const reading = { isGood: true, until: Promise.resolve() };
let onChange = () => {};

const choose = async (name: string, url: string) => {
  asked.push(name);
  await reading.until;
  if (!reading.isGood && url !== '') {
    failure.value = `${name} is no picture`;
    return false;
  }
  failure.value = undefined;
  picture.value = { name, isSample: url === '', image: {} as ImageData, url };
  return true;
};

vi.mock('./choose-picture.js', () => ({
  chooseFile: (_: Blob, name: string) => choose(name, 'data:image/png;base64,AA'),
  chooseSample: ({ name }: { readonly name: string }) => choose(name, ''),
}));

beforeAll(() => {
  vi.stubGlobal('location', location);
  vi.stubGlobal('history', {
    replaceState: (_state: unknown, _title: string, hash: string) => {
      location.hash = hash;
    },
  });
  vi.stubGlobal('addEventListener', (_: string, listener: () => void) => {
    onChange = listener;
  });
});

beforeEach(() => {
  asked.length = 0;
  reading.isGood = true;
  reading.until = Promise.resolve();
  picture.value = undefined;
  failure.value = undefined;
});

test('a picture that is none is told of beside an example, and the next address is heeded', async () => {
  reading.isGood = false;
  location.hash = '#picture=data:image/png;base64,@@@&question=what+is+it%3F';
  await startAddress();
  expect(asked).toEqual(['the picture of the address', 'scene-1']);
  expect(failure.value).toBe('the picture of the address is no picture');
  expect([picture.value?.name, question.value]).toEqual(['scene-1', 'what is it?']);
  location.hash = '#picture=scene-3';
  onChange();
  await vi.waitFor(() => expect(picture.value?.name).toBe('scene-3'));
});

test('a question that is written while the picture comes stays', async () => {
  let come = () => {};
  reading.until = new Promise((resolve) => {
    come = resolve;
  });
  location.hash = '#picture=scene-2&question=first';
  const started = startAddress();
  expect(question.value).toBe('first');
  question.value = 'mine';
  come();
  await started;
  expect([picture.value?.name, question.value]).toEqual(['scene-2', 'mine']);
});

test('what is chosen is kept in the address at once when another one follows', async () => {
  location.hash = '';
  await startAddress();
  question.value = 'mine';
  keepAddress();
  expect(location.hash).toContain('question=mine');
});

test('an address that changes while the first picture comes is heeded', async () => {
  reading.until = new Promise(() => {});
  location.hash = '#picture=scene-4';
  void startAddress();
  location.hash = '#question=second';
  onChange();
  expect([question.value, asked]).toEqual(['second', ['scene-4']]);
});

test.each([
  ['17', 16],
  ['95', 88],
  ['48', 48],
  ['15', 64],
  ['NaN', 64],
  ['1e9', 64],
])('a picture size of %s is one of whole patches', async (size, wanted) => {
  pictureSize.value = 64;
  location.hash = `#size=${size}`;
  await startAddress();
  expect(pictureSize.value).toBe(wanted);
});
