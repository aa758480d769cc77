import { badRequest } from '../api/errors.js';

/**
 * The bytes in a `data:` URL. Its type is not believed; what it is shows when it is decoded.
 *
 * @throws ApiError 400 for one that is not base64, or that is empty
 */
export function dataUrlBytes(url: string, param: string): Uint8Array {
  const comma = url.indexOf(',');
  const head = url.slice(5, comma);
  const body = url.slice(comma + 1);
  const bytes = Buffer.from(body, 'base64');
  // Buffer skips what is no base64; then there are fewer bytes than the letters say.
  const letters = lettersOf(body);
  const isWhole = bytes.length === Math.floor((letters * 3) / 4);
  if (comma < 0 || !/^[\w.+/;=-]*;base64$/i.test(head) || !isWhole || bytes.length === 0) {
    throw badRequest(
      'invalid_image',
      'expected an image as data:image/<type>;base64,<data>, got a data URL that is not so',
      param,
    );
  }
  return bytes;
}

/** Without the signs that fill up the end. Counted, for a pattern would try each run of them from each of its signs. */
function lettersOf(body: string): number {
  let end = body.length;
  while (body[end - 1] === '=') end--;
  return end;
}
