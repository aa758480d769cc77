import { useEffect, useRef } from 'preact/hooks';

/** Takes a file that is chosen, or dropped or pasted anywhere on the page; pasted text too where it is wanted. */
export function FileField(props: {
  readonly title: string;
  readonly note: string;
  readonly label: string;
  /** Ends of names that are offered, with their dots, and types. */
  readonly accept: string;
  /** Gets files of other kinds too, where none is of these: it is to refuse them in words. */
  readonly onFile: (file: File) => void;
  readonly onText?: (text: string) => void;
}) {
  const { title, note, label, accept, onFile, onText } = props;
  const input = useRef<HTMLInputElement>(null);
  const take = useRef({ onFile, onText });
  const isOffered = ({ name, type }: File) =>
    accept.split(',').some((ending) => name.toLowerCase().endsWith(ending) || type === ending);
  const wanted = (files: FileList | undefined) => {
    const all = [...(files ?? [])];
    return all.find(isOffered) ?? all[0];
  };
  take.current = { onFile, onText };
  useEffect(() => {
    const onDrop = ({ dataTransfer }: DragEvent) => {
      const file = wanted(dataTransfer?.files);
      if (file) take.current.onFile(file);
    };
    const onPaste = (event: ClipboardEvent) => {
      const file = wanted(event.clipboardData?.files);
      const text = event.clipboardData?.getData('text') ?? '';
      if (file) take.current.onFile(file);
      else if (text && !isField(event.target)) take.current.onText?.(text);
    };
    document.addEventListener('drop', onDrop);
    document.addEventListener('paste', onPaste);
    return () => {
      document.removeEventListener('drop', onDrop);
      document.removeEventListener('paste', onPaste);
    };
  }, []);
  return (
    <section class="card file-field" aria-label={title}>
      <h2>{title}</h2>
      <div class="own">
        <button type="button" class="quiet" onClick={() => input.current?.click()}>
          Choose a file
        </button>
        <small>{note}</small>
        <input
          ref={input}
          type="file"
          class="hidden"
          tabIndex={-1}
          aria-label={label}
          accept={accept}
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            if (file) onFile(file);
            event.currentTarget.value = '';
          }}
        />
      </div>
    </section>
  );
}

/** Fields take what is pasted into them. */
function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}
