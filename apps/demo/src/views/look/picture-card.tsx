import { goToStage } from '../../state/look.js';
import { shown, stage } from '../../state/store.js';
import { stageSentence } from '../../words/sentences.js';
import { PatchGrid } from './patch-grid.js';
import { Steps } from './steps.js';

export function PictureCard() {
  const { value: current } = shown;
  return (
    <section class="card hero" aria-label="Kept patches">
      <h2>
        Kept patches{' '}
        <small class="numbers">
          {current ? stageSentence(current, stage.value) : 'ask something to see them'}
        </small>
      </h2>
      <PatchGrid />
      {current && current.stages.length > 0 && (
        <div class="stages">
          <button
            type="button"
            class="round"
            aria-label="Previous stage"
            aria-disabled={stage.value === 0}
            onClick={() => goToStage(stage.value - 1)}
          >
            <span aria-hidden="true">‹</span>
          </button>
          <input
            type="range"
            aria-label="Stage"
            min={0}
            max={current.stages.length}
            step={1}
            value={stage.value}
            aria-valuetext={stageSentence(current, stage.value)}
            onInput={(event) => goToStage(event.currentTarget.valueAsNumber)}
          />
          <button
            type="button"
            class="round"
            aria-label="Next stage"
            aria-disabled={stage.value === current.stages.length}
            onClick={() => goToStage(stage.value + 1)}
          >
            <span aria-hidden="true">›</span>
          </button>
        </div>
      )}
      <Steps />
      {current?.device === 'cpu' && (
        <p class="note">An answer that was prepared beforehand. Load the model to ask your own.</p>
      )}
    </section>
  );
}
