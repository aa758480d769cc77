import { presets } from '../../state/plan.js';
import {
  choosePlan,
  downloadPruned,
  modelBusy,
  modelFailure,
  planChoice,
  prunedName,
  readModel,
  yourModel,
} from '../../state/your-model.js';
import { methodTitles } from '../../words/methods.js';
import { Choice } from '../choice.js';
import { FileField } from '../file-field.js';
import { HubCard } from './hub-card.js';
import { StructureReport } from './structure-report.js';

/** A decoder of the user's: as a file, or from the hub. */
export function ModelView() {
  const { value: model } = yourModel;
  return (
    <section class="your-model" aria-label="Your model">
      <FileField
        title="A decoder of yours"
        note="Drop decoder_model_merged.onnx or another decoder, without its weight files; it stays in this browser."
        label="Decoder file"
        accept=".onnx"
        onFile={(file) => void readModel(file)}
      />
      {modelBusy.value && <p class="note">{modelBusy.value.doing}</p>}
      {modelFailure.value && (
        <p class="failure" role="alert">
          {modelFailure}
        </p>
      )}
      {model && (
        <>
          <StructureReport name={model.name} report={model.report} />
          <PlanCard />
        </>
      )}
      <HubCard />
    </section>
  );
}

function PlanCard() {
  const { value: model } = yourModel;
  const { value: chosen } = planChoice;
  if (!model) return null;
  const { prunable, trial } = model.report.inspection;
  const { externalFiles } = model.report;
  return (
    <section class="card" aria-label="Plan">
      <h2>
        Plan <small>where image tokens are dropped, and by what</small>
      </h2>
      <div class="fields">
        <Choice
          label="Preset"
          value={chosen.preset}
          titles={presets}
          onChoose={(preset) => choosePlan({ preset })}
        />
        <Choice
          label="Method"
          value={chosen.method}
          titles={methodTitles}
          onChoose={(method) => choosePlan({ method })}
        />
        <button
          type="button"
          class="main"
          disabled={!prunable}
          aria-disabled={modelBusy.value !== undefined}
          onClick={() => void downloadPruned()}
        >
          Download pruned file
        </button>
      </div>
      {trial && (
        <ol class="facts numbers">
          {trial.plan.stages.map(({ afterLayer, keepRatio }) => (
            <li key={afterLayer}>
              after layer {afterLayer}: {(100 * keepRatio).toFixed(1)} % of the image tokens stay
            </li>
          ))}
          <li>
            {trial.nodes.before.toLocaleString('en')} nodes become{' '}
            {trial.nodes.after.toLocaleString('en')}
          </li>
        </ol>
      )}
      <p class="note">
        The pruned file takes one input more, image_mask, 1 at image tokens.
        {externalFiles.length > 0 &&
          ` Its weights stay in ${externalFiles.join(', ')}: put ${prunedName(model.name)} beside them.`}
      </p>
    </section>
  );
}
