/** A trace as a file. */
import { traceOf } from '../trace/shown.js';
import { grid } from './samples.js';
import { picture, shown } from './store.js';

/** Downloads what is shown as JSON. */
export function saveTrace(): void {
  const { value: current } = shown;
  const { value: pictured } = picture;
  if (!current || !pictured) return;
  const { name, url, image } = pictured;
  const { width, height } = image;
  const trace = traceOf(current, { name, width, height, url }, grid);
  saveFile(`${JSON.stringify(trace)}\n`, 'trace.json', 'application/json');
}

export function saveFile(content: BlobPart, name: string, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
