import { useComputed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { redrawn } from '../../drawing/canvas.js';
import { fade } from '../../drawing/fade.js';
import { drawPicture } from '../../drawing/picture.js';
import { lookAt, patchAfterKey } from '../../state/look.js';
import { grid, patchCount } from '../../state/samples.js';
import { keptNow, patch, picture, pointed, scoredStageOf, shown } from '../../state/store.js';
import { patchSentence } from '../../words/sentences.js';

const rows = Array.from({ length: grid.rows }, (_, row) =>
  Array.from({ length: grid.columns }, (_, column) => row * grid.columns + column),
);

/** The picture, and over it a grid of its patches for pointer, keyboard and screen reader. */
export function PatchGrid() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const faded = useRef(new Float32Array(patchCount));
  const { value: current } = picture;
  const kept = keptNow.value;

  useEffect(() => {
    const element = canvas.current;
    if (!element || !current) return;
    const image = document.createElement('canvas');
    image.width = current.image.width;
    image.height = current.image.height;
    image.getContext('2d')?.putImageData(current.image, 0, 0);
    const draw = () =>
      drawPicture(element, {
        image,
        grid,
        faded: faded.current,
        kept,
        patch: shown.value ? patch.value : undefined,
        pointed: pointed.value,
      });
    const endFading = fade(faded.current, (index) => (kept.has(index) ? 0 : 1), draw);
    const endDrawing = redrawn(element, draw);
    return () => {
      endFading();
      endDrawing();
    };
  }, [current, kept, patch.value, pointed.value, shown.value]);

  return (
    <div class="picture">
      <canvas ref={canvas} />
      {!current && <p class="empty">No picture yet</p>}
      {/* biome-ignore lint/a11y/useSemanticElements: a table would not lie over the picture */}
      <div role="grid" aria-label="Patches of the picture" class="patches">
        {rows.map((patches, row) => (
          // biome-ignore lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive: as above; cells take the focus
          <div role="row" key={row} class="row">
            {patches.map((index) => (
              <Patch key={index} index={index} />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function Patch({ index }: { readonly index: number }) {
  // Only the two patches between which it changes are rendered again.
  const isSelected = useComputed(() => patch.value === index).value;
  return (
    // biome-ignore lint/a11y/useSemanticElements: as above
    <div
      role="gridcell"
      aria-selected={isSelected}
      aria-label={patchSentence(scoredStageOf(index), index, grid)}
      tabIndex={isSelected ? 0 : -1}
      data-patch={index}
      onPointerEnter={() => lookAt(index)}
      onClick={() => lookAt(index, true)}
      onFocus={() => lookAt(index)}
      onKeyDown={(event) => {
        const next = patchAfterKey(event.key, index);
        if (next === undefined) return;
        event.preventDefault();
        lookAt(next, true);
        const cells = event.currentTarget.closest('[role=grid]');
        cells?.querySelector<HTMLElement>(`[data-patch="${next}"]`)?.focus();
      }}
    />
  );
}
