import { runtimeBytes } from '../../downloads.js';
import {
  benches,
  benchFailure,
  benchProgress,
  benchRequest,
  runBench,
  showBench,
  showBenchFile,
  stopBench,
} from '../../state/bench.js';
import { presets } from '../../state/plan.js';
import { deviceTitles } from '../../words/devices.js';
import { megabytes } from '../../words/units.js';
import { benchShapes } from '../../worker/bench-protocol.js';
import { Choice } from '../choice.js';
import { FileField } from '../file-field.js';
import { RunButton } from '../run-button.js';
import { BenchCard } from './bench-card.js';

const shapeTitles = {
  'smolvlm-256m': benchShapes['smolvlm-256m'].title,
  embedded: benchShapes.embedded.title,
} as const;

/** Times a decoder in this browser, and shows what other machines measured. */
export function BenchView() {
  const { value: chosen } = benchRequest;
  const set = (change: Partial<typeof chosen>) => {
    benchRequest.value = { ...benchRequest.value, ...change };
  };
  return (
    <section class="bench" aria-label="Bench">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void runBench();
        }}
      >
        <h2>
          Bench <small>how long a decoder takes here, unpruned and pruned</small>
        </h2>
        <div class="fields">
          <Choice
            label="Decoder"
            value={chosen.shape}
            titles={shapeTitles}
            onChoose={(shape) => set({ shape })}
          />
          <Choice
            label="Device"
            value={chosen.device}
            titles={deviceTitles}
            onChoose={(device) => set({ device })}
          />
          <Choice
            label="Weights"
            value={chosen.precision}
            titles={{ int4: '4 bits', fp32: '32 bits' }}
            onChoose={(precision) => set({ precision })}
          />
          <Choice
            label="Preset"
            value={chosen.preset}
            titles={presets}
            onChoose={(preset) => set({ preset })}
          />
          <label>
            <span>Rounds</span>
            <input
              type="number"
              min={1}
              max={99}
              required
              value={chosen.runs}
              onInput={({ currentTarget: { valueAsNumber } }) =>
                Number.isInteger(valueAsNumber) && set({ runs: valueAsNumber })
              }
            />
          </label>
          <RunButton title="Run" isRunning={benchProgress.value !== undefined} onStop={stopBench} />
        </div>
        <Progress />
        <p class="note">
          {benchShapes[chosen.shape].note}. Fetches {megabytes(runtimeBytes)} of runtime once and no
          model
          {chosen.precision === 'fp32' && chosen.shape !== 'embedded'
            ? '; 32 bits take about 3 GB of memory'
            : ''}
          . Rounds take turns, so that other load hits all alike.
        </p>
      </form>
      <FileField
        title="A benchmark from elsewhere"
        note="Drop or paste the JSON of transprune bench --json, or choose its file; it stays in this browser."
        label="Benchmark file"
        accept=".json,application/json"
        onFile={(file) => void showBenchFile(file)}
        onText={(text) => showBench(text, 'the pasted text')}
      />
      {benchFailure.value && (
        <p class="failure" role="alert">
          {benchFailure}
        </p>
      )}
      {benches.value.map((bench, at) => (
        <BenchCard key={benches.value.length - at} bench={bench} />
      ))}
    </section>
  );
}

function Progress() {
  const { value: progress } = benchProgress;
  if (!progress) return null;
  return (
    <div class="note">
      <progress max={1} value={progress.share} aria-label="Benchmark" />
      {progress.doing}
    </div>
  );
}
