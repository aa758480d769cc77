/**
 * The address bar holds picture, question and plan, behind the `#`, so that they are never sent anywhere.
 */

import { effect } from '@preact/signals';
import { type MethodName, methodNames } from '@transprune/core';
import { chooseFile, chooseSample } from './choose-picture.js';
import {
  choosePreset,
  keepRatios,
  keptCounts,
  method,
  mostSeed,
  preset,
  presetChoices,
  ratiosOfCounts,
  seed,
} from './plan.js';
import { imageSize, samples, sizeStep } from './samples.js';
import {
  device,
  failure,
  picture,
  pictureSize,
  question,
  type View,
  view,
  views,
} from './store.js';

/** Browsers refuse to change the address all the time. */
const restMs = 300;

/** Reads the address, now and whenever it changes, and keeps it up to date. */
export async function startAddress(): Promise<void> {
  addEventListener('hashchange', () => void readAddress());
  await readAddress();
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    writeAddress();
    clearTimeout(timer);
    timer = setTimeout(keepAddress, restMs);
  });
}

/** Writes what is chosen into the address, before another one follows it. */
export function keepAddress(): void {
  const address = `#${writeAddress()}`;
  if (location.hash !== address) history.replaceState(null, '', address);
}

function writeAddress(): string {
  const fields = new URLSearchParams();
  if (view.value !== 'look') fields.set('view', view.value);
  const { value: current } = picture;
  if (current) fields.set('picture', current.isSample ? current.name : current.url);
  fields.set('question', question.value);
  if (preset.value) fields.set('preset', preset.value);
  else fields.set('keep', keptCounts(keepRatios.value).join(','));
  if (method.value !== 'transprune') fields.set('method', method.value);
  if (method.value === 'random') fields.set('seed', String(seed.value));
  if (pictureSize.value !== imageSize) fields.set('size', String(pictureSize.value));
  if (device.value !== 'auto') fields.set('device', device.value);
  return fields.toString();
}

/** What is missing or makes no sense stays as it is. */
async function readAddress(): Promise<void> {
  const fields = new URLSearchParams(location.hash.slice(1));
  const oneOf = <T extends string>(name: string, allowed: readonly T[]) =>
    allowed.find((value) => value === fields.get(name));
  const within = (name: string, least: number, most: number) => {
    const value = Number(fields.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= least && value <= most ? value : undefined;
  };
  view.value = oneOf<View>('view', views) ?? 'look';
  device.value = oneOf('device', ['auto', 'webgpu', 'wasm'] as const) ?? device.value;
  method.value = oneOf<MethodName>('method', methodNames) ?? method.value;
  seed.value = within('seed', 0, mostSeed) ?? seed.value;
  const size = within('size', 2 * sizeStep, imageSize) ?? pictureSize.value;
  pictureSize.value = size - (size % sizeStep);
  const named = oneOf('preset', presetChoices);
  if (named) choosePreset(named);
  else keepRatios.value = ratiosOfCounts(fields.get('keep')) ?? keepRatios.value;
  question.value = fields.get('question') ?? question.value;
  await readPictureOf(fields.get('picture'), fields.has('question'));
}

/** Whether a picture was asked for, which may still be on its way. */
let hasPicture = false;

async function readPictureOf(value: string | null, hasQuestion: boolean): Promise<void> {
  if (value === (picture.value?.isSample ? picture.value.name : picture.value?.url)) return;
  if (value === null && hasPicture) return;
  hasPicture = true;
  const isData = value?.startsWith('data:image/') ?? false;
  const name = 'the picture of the address';
  if (value && isData && (await chooseFile(await blobOf(value), name))) return;
  // What was wrong with the picture is still to be read beside the example.
  const { value: reason } = failure;
  const sample = samples.find((one) => one.name === value) ?? samples[0];
  if (!sample || (isData && picture.value)) return;
  const isTaken = await chooseSample(sample, !hasQuestion);
  if (isTaken && isData) failure.value = reason;
}

/** Nothing for what is no `data:` URL, which no browser takes for a picture. */
function blobOf(url: string): Promise<Blob> {
  return fetch(url).then(
    (response) => response.blob(),
    () => new Blob(),
  );
}
