import { modelBytes, runtimeBytes } from '../../downloads.js';
import { ask, stop } from '../../state/ask.js';
import { loadModel, progressWords, stopLoading } from '../../state/load.js';
import { samples } from '../../state/samples.js';
import { failure, model, phase, picture, question } from '../../state/store.js';
import { megabytes } from '../../words/units.js';
import { RunButton } from '../run-button.js';
import { Pictures } from './pictures.js';

export function QuestionCard() {
  const suggestions =
    samples.find(({ name }) => name === picture.value?.name)?.questions ?? generalQuestions;
  return (
    <section class="card question" aria-label="Picture and question">
      <Pictures />
      <form
        class="asking"
        onSubmit={(event) => {
          event.preventDefault();
          if (model.value.phase === 'ready') void ask();
          else if (model.value.phase !== 'loading') void loadModel();
        }}
      >
        <input
          type="text"
          aria-label="Question"
          autocomplete="off"
          enterKeyHint="send"
          value={question.value}
          onInput={(event) => {
            question.value = event.currentTarget.value;
            failure.value = undefined;
          }}
        />
        <AskButton />
      </form>
      <div class="suggestions">
        {suggestions.map((text) => (
          <button
            key={text}
            type="button"
            class="chip"
            aria-pressed={text === question.value}
            onClick={() => {
              question.value = text;
              failure.value = undefined;
            }}
          >
            {text}
          </button>
        ))}
      </div>
      <ModelLine />
      {failure.value && (
        <p class="failure" role="alert">
          {failure}
        </p>
      )}
    </section>
  );
}

/** For pictures that nothing is known of. */
const generalQuestions = [
  'how many objects are there?',
  'what color is the circle?',
  'describe the top.',
];

function AskButton() {
  const isLoading = model.value.phase === 'loading';
  return (
    <RunButton
      title={model.value.phase === 'ready' ? 'Ask' : 'Load model'}
      isRunning={isLoading || phase.value !== 'idle'}
      onStop={isLoading ? stopLoading : stop}
    />
  );
}

function ModelLine() {
  const { value: state } = model;
  switch (state.phase) {
    case 'none':
      return (
        <p class="note">
          Loading takes {megabytes(modelBytes + runtimeBytes)} once: {megabytes(modelBytes)} of
          model, the rest runs it. The model is small and knows coloured shapes, digits and a few
          tiny words: a demonstration, not an assistant. All is computed here; pictures and
          questions go nowhere.
        </p>
      );
    case 'loading': {
      const { bytes = 0, allBytes = 1 } = state.progress ?? {};
      return (
        <div class="note">
          <progress max={allBytes} value={bytes} aria-label="Loading" />
          {state.progress ? progressWords(state.progress) : 'starting'}
        </div>
      );
    }
    case 'failed':
      return (
        <p class="failure" role="alert">
          The model could not be loaded: {state.reason}
        </p>
      );
    case 'ready':
      return <DeviceLine />;
  }
}

function DeviceLine() {
  if (model.value.phase !== 'ready') return null;
  const { device, noWebgpu, threads } = model.value.facts;
  const where = device === 'webgpu' ? 'WebGPU' : `WebAssembly, ${threadWords(threads)}`;
  return (
    <p class="note">
      Runs on {where}
      {noWebgpu && `, as WebGPU cannot be used: ${noWebgpu}`}.
      {device === 'wasm' && threads === 1 && !crossOriginIsolated && (
        <> Once this page is opened again it may use several threads.</>
      )}
    </p>
  );
}

function threadWords(threads: number): string {
  return threads === 1 ? 'one thread' : `${threads} threads`;
}
