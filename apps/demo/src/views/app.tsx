import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { chooseFile } from '../state/choose-picture.js';
import { status, type View, view } from '../state/store.js';
import { Header } from './header.js';
import { later } from './later.js';
import { LookView } from './look/look-view.js';

const pages: Readonly<Record<View, () => VNode>> = {
  look: LookView,
  explain: later(async () => (await import('./explain/explain-view.js')).ExplainView),
  model: later(async () => (await import('./model/model-view.js')).ModelView),
  bench: later(async () => (await import('./bench/bench-view.js')).BenchView),
};

export function App() {
  useEffect(takePictures, []);
  const Page = pages[view.value];
  return (
    <>
      <Header />
      <main>
        <Page />
      </main>
      <p class="status" role="status" aria-live="polite">
        {status}
      </p>
    </>
  );
}

/** Pictures that are dropped anywhere or pasted. */
function takePictures(): () => void {
  const take = (files: FileList | undefined) => {
    const all = [...(files ?? [])];
    // What is no picture is refused in words.
    const file = all.find(({ type }) => type.startsWith('image/')) ?? all[0];
    if (!file || view.value !== 'look') return false;
    void chooseFile(file, file.name || 'the pasted picture');
    return true;
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    take(event.dataTransfer?.files);
  };
  const onDragOver = (event: DragEvent) => event.preventDefault();
  const onPaste = (event: ClipboardEvent) => {
    if (take(event.clipboardData?.files)) event.preventDefault();
  };
  document.addEventListener('drop', onDrop);
  document.addEventListener('dragover', onDragOver);
  document.addEventListener('paste', onPaste);
  return () => {
    document.removeEventListener('drop', onDrop);
    document.removeEventListener('dragover', onDragOver);
    document.removeEventListener('paste', onPaste);
  };
}
