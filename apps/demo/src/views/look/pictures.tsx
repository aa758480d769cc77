import { useRef, useState } from 'preact/hooks';
import { chooseFile, chooseSample } from '../../state/choose-picture.js';
import { samples } from '../../state/samples.js';
import { phase, picture } from '../../state/store.js';
import { Camera } from './camera.js';

/** Example pictures, and the user's own. */
export function Pictures() {
  const input = useRef<HTMLInputElement>(null);
  const [hasCamera, showCamera] = useState(false);
  const isBusy = phase.value !== 'idle';
  return (
    <div class="pictures">
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot scroll sideways */}
      <div class="thumbnails" role="group" aria-label="Example pictures">
        {samples.map((sample) => (
          <button
            key={sample.name}
            type="button"
            disabled={isBusy}
            aria-label={sample.name.replace('-', ' ')}
            aria-pressed={picture.value?.name === sample.name}
            onClick={() => void chooseSample(sample)}
          >
            <img
              src={`prepared/${sample.name}.webp`}
              alt=""
              width={44}
              height={44}
              loading="lazy"
            />
          </button>
        ))}
      </div>
      <div class="own">
        <button
          type="button"
          class="quiet"
          disabled={isBusy}
          onClick={() => input.current?.click()}
        >
          Your picture
        </button>
        {'mediaDevices' in navigator && (
          <button type="button" class="quiet" disabled={isBusy} onClick={() => showCamera(true)}>
            Camera
          </button>
        )}
        <small>or drop or paste one; it stays in this browser</small>
        <input
          ref={input}
          type="file"
          accept="image/*"
          class="hidden"
          tabIndex={-1}
          aria-label="Picture file"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            if (file) void chooseFile(file, file.name);
            event.currentTarget.value = '';
          }}
        />
      </div>
      {hasCamera && <Camera onClose={() => showCamera(false)} />}
    </div>
  );
}
