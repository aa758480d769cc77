import {
  askHub,
  hubAnswers,
  hubFailure,
  hubModel,
  hubProgress,
  hubRequest,
  loadHub,
  stopHub,
} from '../../state/hub.js';
import { presets } from '../../state/plan.js';
import { picture, question } from '../../state/store.js';
import { deviceTitles } from '../../words/devices.js';
import { megabytes, milliseconds } from '../../words/units.js';
import { type HubAnswer, type HubRequest, hubTypes } from '../../worker/model-protocol.js';
import { Choice } from '../choice.js';
import { RunButton } from '../run-button.js';

const typeTitles = Object.fromEntries(hubTypes.map((type) => [type, type])) as Record<
  HubRequest['type'],
  string
>;

/** A model of the hub, on the picture and the question of the first view. */
export function HubCard() {
  const { value: request } = hubRequest;
  const { value: loaded } = hubModel;
  const isBusy = hubProgress.value !== undefined;
  const set = (change: Partial<typeof request>) => {
    hubRequest.value = { ...hubRequest.value, ...change };
  };
  return (
    <form
      class="card hub"
      aria-label="A model of the hub"
      onSubmit={(event) => {
        event.preventDefault();
        void loadHub();
      }}
    >
      <h2>
        A model of the hub <small>on transformers.js, its decoder pruned as it is opened</small>
      </h2>
      <div class="fields">
        <label class="wide">
          <span>Model id</span>
          <input
            type="text"
            required
            pattern="[\w.\-]+/[\w.\-]+"
            title="owner/name"
            autocomplete="off"
            spellcheck={false}
            value={request.id}
            onInput={(event) => set({ id: event.currentTarget.value.trim() })}
          />
        </label>
        <Choice
          label="Weights"
          value={request.type}
          titles={typeTitles}
          onChoose={(type) => set({ type })}
        />
        <Choice
          label="Device"
          value={request.device}
          titles={deviceTitles}
          onChoose={(device) => set({ device })}
        />
        <Choice
          label="Preset"
          value={request.preset}
          titles={presets}
          onChoose={(preset) => set({ preset })}
        />
        <RunButton title="Fetch model" isRunning={isBusy} onStop={stopHub} />
      </div>
      <Progress />
      {hubFailure.value && (
        <p class="failure" role="alert">
          {hubFailure}
        </p>
      )}
      {loaded && (
        <div class="own">
          <button
            type="button"
            class="quiet"
            disabled={!picture.value}
            aria-disabled={isBusy}
            onClick={() => void askHub()}
          >
            Ask both ways
          </button>
          <small>
            “{question}” about {picture.value?.name ?? 'no picture'}, both from Look; pruned after
            layers {loaded.plan.stages.map(({ afterLayer }) => afterLayer).join(', ')}
          </small>
        </div>
      )}
      <Answers />
      <p class="note">
        Its files come from huggingface.co, hundreds of megabytes as a rule, and are kept by this
        browser; picture and question are sent to nobody.
      </p>
    </form>
  );
}

function Progress() {
  const { value: progress } = hubProgress;
  if (!progress) return null;
  const { doing, bytes = 0, allBytes = 0 } = progress;
  return (
    <div class="note">
      <progress
        {...(allBytes > 0 && { max: allBytes, value: bytes })}
        aria-label="Model of the hub"
      />
      {doing}
      {allBytes > 0 && `, ${megabytes(bytes)} of ${megabytes(allBytes)}`}
    </div>
  );
}

function Answers() {
  const { value: answers } = hubAnswers;
  if (!answers) return null;
  const { unpruned, pruned } = answers;
  return (
    <div class="hub-answers">
      <HubAnswerText name="Unpruned answer" answer={unpruned} />
      <HubAnswerText name="Pruned answer" answer={pruned} />
    </div>
  );
}

function HubAnswerText({ name, answer }: { readonly name: string; readonly answer: HubAnswer }) {
  return (
    <section aria-label={name}>
      <h3>{name.replace(' answer', '')}</h3>
      <p>{answer.text || 'no words'}</p>
      <small class="numbers">
        {milliseconds(answer.ms)}; image tokens {answer.imageTokens.join(', ')}
      </small>
    </section>
  );
}
