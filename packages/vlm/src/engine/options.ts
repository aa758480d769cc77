/** What can be known to be wrong with a request before anything is run. */
import { TransPruneError } from '@transprune/core';
import type { Pixels } from '../frontend.js';
import { pixelsFault } from '../pixels.js';

/** What an engine or a conversation is asked, as whoever calls it from JavaScript may have it. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks a request, or a turn of a conversation.
 *
 * @param asks what it must bring: a turn has a question, a request that or messages or a prompt
 * @returns INVALID_ARGUMENT that names the field, INVALID_IMAGE for pixels; undefined if nothing is wrong
 */
export function requestFault(
  request: unknown,
  asks: 'request' | 'turn',
): TransPruneError | undefined {
  return faultOf(() => {
    if (!isFields(request)) throw invalid(asks, 'an object', request);
    if (asks === 'turn') checkText('question', request.question);
    else checkAsk(request);
    checkOptions(request);
  });
}

/**
 * Checks what a conversation starts with.
 *
 * @returns INVALID_ARGUMENT; undefined if nothing is wrong
 */
export function chatFault(options: unknown = {}): TransPruneError | undefined {
  return faultOf(() => {
    if (!isFields(options)) throw invalid('options', 'an object', options);
    if (options.system !== undefined) checkText('system', options.system);
  });
}

function faultOf(check: () => void): TransPruneError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (TransPruneError.isInstance(error)) return error;
    throw error;
  }
}

function checkAsk(request: Fields): void {
  if ('prompt' in request) {
    if (request.prompt === '') throw invalid('prompt', 'a text of at least one token', '');
    checkText('prompt', request.prompt);
  } else if ('messages' in request) {
    const { messages } = request;
    if (!Array.isArray(messages) || messages.length === 0) {
      throw invalid('messages', 'a list of at least one message', messages);
    }
    messages.forEach(checkMessage);
  } else if ('question' in request) {
    checkText('question', request.question);
  } else {
    throw invalid('request', 'an object with a question, messages or a prompt', request);
  }
}

const roles = ['system', 'user', 'assistant'];

function checkMessage(message: unknown, at: number): void {
  const field = `messages[${at}]`;
  if (!isFields(message)) throw invalid(field, 'a message', message);
  const { role, content } = message;
  if (!roles.some((each) => each === role)) {
    throw invalid(`${field}.role`, `one of ${roles.join(', ')}`, role);
  }
  if (typeof content === 'string') return;
  if (!Array.isArray(content) || !content.every(isPart)) {
    throw invalid(`${field}.content`, 'a text, or a list of images and texts', content);
  }
}

function isPart(part: unknown): boolean {
  if (!isFields(part)) return false;
  return part.type === 'image' || (part.type === 'text' && typeof part.text === 'string');
}

function checkOptions(request: Fields): void {
  const { images, keepRatios, maxNewTokens, maxPromptTokens, outputs } = request;
  const { sampling, stop, signal } = request;
  if (images !== undefined) {
    if (!Array.isArray(images)) throw invalid('images', 'a list', images);
    images.forEach(checkImage);
  }
  if (keepRatios !== undefined && !isListOf(keepRatios, (ratio) => typeof ratio === 'number')) {
    throw invalid('keepRatios', 'a list of numbers', keepRatios);
  }
  if (maxNewTokens !== undefined) wholeNumber('maxNewTokens', maxNewTokens, 1);
  if (maxPromptTokens !== undefined) wholeNumber('maxPromptTokens', maxPromptTokens, 1);
  if (sampling !== undefined) checkSampling(sampling);
  if (outputs !== undefined && !isListOf(outputs, (name) => typeof name === 'string')) {
    throw invalid('outputs', 'a list of names', outputs);
  }
  if (stop !== undefined && !isListOf(stop, (text) => typeof text === 'string' && text !== '')) {
    throw invalid('stop', 'a list of texts that are not empty', stop);
  }
  if (signal !== undefined && !isSignal(signal)) throw invalid('signal', 'an AbortSignal', signal);
}

function checkImage(image: unknown, at: number): void {
  if (typeof image === 'string') return;
  if (image instanceof URL || image instanceof Uint8Array || image instanceof Blob) return;
  if (!isFields(image) || !('channels' in image)) {
    throw invalid(`images[${at}]`, 'a path, a URL, the bytes of a file, a Blob or pixels', image);
  }
  const { width, height, channels } = image;
  const fault = pixelsFault(image as unknown as Pixels);
  if (fault === undefined) return;
  throw new TransPruneError(
    'INVALID_IMAGE',
    `images[${at}] must be pixels of 1 to 4 channels, as many bytes as width x height x channels, got ${fault}`,
    { field: `images[${at}]`, width, height, channels },
  );
}

function checkSampling(sampling: unknown): void {
  if (!isFields(sampling)) throw invalid('sampling', 'an object', sampling);
  const { temperature, topK, topP, seed } = sampling;
  if (temperature !== undefined && !isNumber(temperature, (value) => value >= 0)) {
    throw invalid('sampling.temperature', 'a number from 0', temperature);
  }
  if (topK !== undefined) wholeNumber('sampling.topK', topK, 1);
  if (topP !== undefined && !isNumber(topP, (value) => value > 0 && value <= 1)) {
    throw invalid('sampling.topP', 'a number above 0 and at most 1', topP);
  }
  if (seed !== undefined) wholeNumber('sampling.seed', seed);
}

/**
 * Checks a number.
 *
 * @throws TransPruneError INVALID_ARGUMENT that names the field
 */
export function wholeNumber(field: string, value: unknown, least = Number.MIN_SAFE_INTEGER): void {
  if (isNumber(value, (number) => Number.isSafeInteger(number) && number >= least)) return;
  const from = least === Number.MIN_SAFE_INTEGER ? '' : ` from ${least}`;
  throw invalid(field, `a whole number${from}`, value);
}

/**
 * Checks how long a prompt is.
 *
 * @throws TransPruneError INVALID_ARGUMENT for one with more tokens than the request allows
 */
export function checkPromptLength(
  tokens: number,
  maxPromptTokens = Number.POSITIVE_INFINITY,
): void {
  if (tokens <= maxPromptTokens) return;
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a prompt of at most ${maxPromptTokens} tokens, those of images included, got ${tokens}; shorten the text, or send fewer images`,
    { field: 'prompt', maxPromptTokens, got: tokens },
  );
}

function checkText(field: string, value: unknown): void {
  if (typeof value !== 'string') throw invalid(field, 'a text', value);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isListOf(value: unknown, isRight: (each: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isRight);
}

function isNumber(value: unknown, isRight: (number: number) => boolean): boolean {
  return typeof value === 'number' && Number.isFinite(value) && isRight(value);
}

function isSignal(value: unknown): boolean {
  return isFields(value) && 'aborted' in value && typeof value.addEventListener === 'function';
}

function invalid(field: string, expected: string, got: unknown): TransPruneError {
  const shown = shownAs(got);
  return new TransPruneError('INVALID_ARGUMENT', `${field} must be ${expected}, got ${shown}`, {
    field,
    got: isFields(got) ? shown : got,
  });
}

/** A value in a message, which must not grow with it. */
function shownAs(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100));
  if (Array.isArray(value)) return `[${value.slice(0, 10).map(shownAs).join(', ')}]`;
  return isFields(value) ? `{ ${Object.keys(value).slice(0, 10).join(', ')} }` : String(value);
}
