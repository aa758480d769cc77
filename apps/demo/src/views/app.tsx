import { useEffect } from 'preact/hooks';
import { chooseFile } from '../state/choose-picture.js';
import { status, type View, view } from '../state/store.js';
import { BenchView } from './bench/bench-view.js';
import { ExplainView } from './explain/explain-view.js';
import { Header } from './header.js';
import { LookView } from './look/look-view.js';
import { ModelView } from './model/model-view.js';

const pages: Readonly<Record<View, () => preact.JSX.Element>> = {
  look: LookView,
  explain: ExplainView,
  model: ModelView,
  bench: BenchView,
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
    const file = [...(files ?? [])].find(({ type }) => type.startsWith('image/'));
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
