import { useEffect, useRef, useState } from 'preact/hooks';
import { chooseFile } from '../../state/choose-picture.js';

/** A picture from the camera, in a dialog. */
export function Camera({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    dialog.current?.showModal();
    const opened = navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', aspectRatio: 1 },
    });
    opened.then(
      (stream) => {
        if (video.current) video.current.srcObject = stream;
      },
      (error: unknown) => setProblem(`The camera cannot be used: ${String(error)}`),
    );
    return () => {
      opened.then(
        (stream) => {
          for (const track of stream.getTracks()) track.stop();
        },
        () => {},
      );
    };
  }, []);
  const take = () => {
    const source = video.current;
    if (!source || source.videoWidth === 0) return;
    const canvas = document.createElement('canvas');
    canvas.width = source.videoWidth;
    canvas.height = source.videoHeight;
    canvas.getContext('2d')?.drawImage(source, 0, 0);
    canvas.toBlob((blob) => {
      if (blob) void chooseFile(blob, 'the camera picture');
      dialog.current?.close();
    });
  };
  return (
    <dialog ref={dialog} aria-label="Camera" onClose={onClose}>
      {problem ? <p role="alert">{problem}</p> : <video ref={video} autoPlay playsInline muted />}
      <div class="own">
        <button type="button" class="main" disabled={problem !== undefined} onClick={take}>
          Take the picture
        </button>
        <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  );
}
