/** Whether a file holds what its name says. */
import { open, readFile, stat } from 'node:fs/promises';
import { decodeModel } from '@transprune/onnx';
import { TransferFault } from './fault.js';
import { largestFile } from './policy.js';

/**
 * Looks into a file that is complete.
 *
 * @param path in the repository, which says what it should be
 * @param leastBytes what a graph refers to in it
 * @throws TransferFault that says what it is instead
 */
export async function checkContents(file: string, path: string, leastBytes = 0): Promise<void> {
  const found = await stat(file);
  if (!found.isFile()) throw new TransferFault('no file');
  if (found.size === 0) throw new TransferFault('an empty file');
  if (found.size > largestFile(path)) throw tooLarge(path);
  if (found.size < leastBytes) {
    throw new TransferFault(`${found.size} bytes where the graph refers to ${leastBytes}`, {
      remedy: 'the file is cut off: try again, or use another revision',
    });
  }
  if (looksLikePage(await head(file))) throw webPage();
  if (path.endsWith('.json')) checkJson(await readFile(file, 'utf8'));
  if (path.endsWith('.onnx')) checkGraph(await readFile(file));
}

/** The fault of a web page in place of a file. */
export function webPage(): TransferFault {
  return new TransferFault('a web page', {
    remedy: 'check the address, and that no login page of the network is in between',
  });
}

/** The fault of a file that is larger than its kind can be. */
export function tooLarge(path: string): TransferFault {
  return new TransferFault(`more than ${largestFile(path)} bytes, the most for such a file`, {
    remedy: 'check the id of the model',
    discard: true,
    data: { limit: largestFile(path) },
  });
}

const looksLikePage = (text: string) =>
  /^\s*(<!--.*?-->\s*)*<(!doctype|html|head|body)\b/is.test(text);

async function head(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return buffer.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
  } finally {
    await file.close();
  }
}

function checkJson(text: string): void {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw new TransferFault(
      `something that is no JSON (${(cause as Error).message.slice(0, 100)})`,
      {
        remedy: 'the file is damaged or cut off: try again, or use another revision',
        cause,
      },
    );
  }
  if (typeof found !== 'object' || found === null) {
    throw new TransferFault('JSON that holds no settings', { remedy: 'use another revision' });
  }
}

function checkGraph(bytes: Uint8Array): void {
  try {
    decodeModel(bytes);
  } catch (cause) {
    throw new TransferFault('something that is no ONNX model, or is cut off', {
      remedy: 'try again, or use another revision',
      cause,
    });
  }
}

/** True if a file is there and holds what it should. */
export async function isGood(file: string, path: string, leastBytes = 0): Promise<boolean> {
  try {
    await checkContents(file, path, leastBytes);
    return true;
  } catch {
    return false;
  }
}
