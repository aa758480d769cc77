import type { TraceStage } from '@transprune/trace';
import { useEffect, useRef } from 'preact/hooks';
import { grid } from '../../state/samples.js';
import { patch, picture, scoredStage } from '../../state/store.js';
import { patchSentence } from '../../words/sentences.js';
import { percent } from '../../words/units.js';
import { Histogram } from './histogram.js';

export function WhyCard() {
  const found = scoredStage.value;
  return (
    <section class="card why-card" aria-label="Score of the patch">
      <h2>
        Why this patch?{' '}
        <small class="numbers">
          {found ? patchSentence(found, patch.value, grid) : 'point at a patch of an answer'}
        </small>
      </h2>
      <div class="why">
        <PatchPicture />
        <div class="parts">{found && <Parts stage={found} />}</div>
      </div>
      <Histogram />
    </section>
  );
}

function Parts({ stage }: { readonly stage: TraceStage }) {
  const at = stage.candidates.indexOf(patch.value);
  const score = stage.scores[at];
  if (score === undefined) return null;
  const largest = Math.max(...stage.scores, 1e-12);
  const { parts } = stage;
  const rows = [
    ...(parts
      ? [
          {
            name: 'transition',
            title: 'How much the layers so far changed this token, as a share of all image tokens',
            value: parts.transition[at] ?? 0,
          },
          {
            name: 'asked by the text',
            title: 'Attention from the question to this token, as a share of all image tokens',
            value: parts.instruction[at] ?? 0,
          },
        ]
      : []),
    { name: 'score', title: 'What patches are ranked by', value: score },
  ];
  return (
    <dl class="numbers">
      {rows.map(({ name, title, value }) => (
        <div key={name} class={`part ${name.replaceAll(' ', '-')}`}>
          <dt title={title}>{name}</dt>
          <dd>
            <span class="track" aria-hidden="true">
              <i style={{ width: `${(100 * value) / largest}%` }} />
            </span>
            <span>{percent(value)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** The patch that is looked at, enlarged. */
function PatchPicture() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { value: current } = picture;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!canvas.current || !context || !current) return;
    const side = current.image.width / grid.columns;
    canvas.current.width = side;
    canvas.current.height = side;
    const left = (patch.value % grid.columns) * side;
    const top = Math.floor(patch.value / grid.columns) * side;
    context.putImageData(current.image, -left, -top);
  }, [current, patch.value]);
  return <canvas ref={canvas} class="patch" />;
}
