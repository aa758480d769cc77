import { type MethodName, methodNames } from '@transprune/core';
import {
  choosePreset,
  chooseRatio,
  isSeed,
  keepRatios,
  keptCounts,
  method,
  mostSeed,
  plan,
  preset,
  presetChoices,
  presets,
  seed,
} from '../../state/plan.js';
import { imageSize, patchCount, sizeStep } from '../../state/samples.js';
import { saveTrace } from '../../state/save-trace.js';
import { pictureSize, shown } from '../../state/store.js';
import { methodSentences } from '../../words/methods.js';

const leastSize = 2 * sizeStep;

export function TryCard() {
  return (
    <section class="card try-card" aria-label="Try">
      <h2>
        Try <small>for the next question; one loaded model, no reload</small>
      </h2>
      <div class="controls">
        <Presets />
        <Method />
        <Ratios />
        <PictureSize />
      </div>
      <div class="own">
        <button
          type="button"
          class="quiet"
          disabled={!shown.value?.answers.pruned}
          onClick={() => saveTrace()}
        >
          Download trace
        </button>
        <small>all that is shown of this answer, as JSON</small>
      </div>
    </section>
  );
}

function Presets() {
  return (
    <fieldset>
      <legend>Preset</legend>
      <div class="choices">
        {presetChoices.map((name) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={preset.value === name}
            onClick={() => choosePreset(name)}
          >
            {presets[name]}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

function Method() {
  return (
    <fieldset>
      <legend>Method</legend>
      <div class="choices">
        <select
          aria-label="Method"
          value={method.value}
          onChange={(event) => {
            method.value = event.currentTarget.value as MethodName;
          }}
        >
          {methodNames.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        {method.value === 'random' && (
          <label>
            seed{' '}
            <input
              type="number"
              min={0}
              max={mostSeed}
              value={seed.value}
              onInput={(event) => {
                const { valueAsNumber } = event.currentTarget;
                if (isSeed(valueAsNumber)) seed.value = valueAsNumber;
              }}
              onBlur={(event) => {
                event.currentTarget.value = String(seed.value);
              }}
            />
          </label>
        )}
      </div>
      <p class="note">{methodSentences[method.value]}</p>
    </fieldset>
  );
}

function Ratios() {
  return (
    <fieldset class="ratios">
      <legend>Keep ratios</legend>
      {plan.value.stages.map(({ afterLayer }, prune) => {
        const kept = keptCounts(keepRatios.value)[prune] ?? patchCount;
        const words = `${kept} of ${patchCount}`;
        return (
          <label key={afterLayer} class="numbers">
            after layer {afterLayer}
            <input
              type="range"
              min={1}
              max={patchCount}
              step={1}
              value={kept}
              aria-valuetext={`${words} patches`}
              onInput={(event) =>
                chooseRatio(prune, event.currentTarget.valueAsNumber / patchCount)
              }
            />
            <span class="value">{words}</span>
          </label>
        );
      })}
    </fieldset>
  );
}

function PictureSize() {
  const tokens = (pictureSize.value / sizeStep) ** 2;
  return (
    <fieldset>
      <legend>Fewer pixels instead</legend>
      <label class="numbers">
        picture size, unpruned side
        <input
          type="range"
          min={leastSize}
          max={imageSize}
          step={sizeStep}
          value={pictureSize.value}
          aria-valuetext={`${pictureSize.value} pixels`}
          onInput={(event) => {
            pictureSize.value = event.currentTarget.valueAsNumber;
          }}
        />
        <span class="value">{pictureSize.value} px</span>
      </label>
      <p class="note">
        As much to see as {tokens} patches hold. This model enlarges the picture again, so it loses
        detail and saves nothing; one that takes any size would spend {tokens} tokens.
      </p>
    </fieldset>
  );
}
