import type { Answer } from '@transprune/trace';
import { planName } from '../../state/plan.js';
import { imageSize } from '../../state/samples.js';
import { phase, shown } from '../../state/store.js';
import { megabytes, milliseconds, operations, times } from '../../words/units.js';
import type { Side } from '../../worker/protocol.js';
import { LayerBars } from './layer-bars.js';
import { TimeBar } from './time-bar.js';

export function Answers() {
  return (
    <div class="answers">
      <AnswerCard side="unpruned" title="Unpruned" />
      <AnswerCard side="pruned" title="Pruned" />
    </div>
  );
}

function AnswerCard({ side, title }: { readonly side: Side; readonly title: string }) {
  const { value: current } = shown;
  const text = current?.texts[side];
  const answer = current?.answers[side];
  const isRunning = phase.value === side;
  const note =
    side === 'pruned'
      ? current && planName(current.plan)
      : answer && answer.pictureSize < imageSize
        ? `from ${answer.pictureSize} x ${answer.pictureSize} pixels`
        : undefined;
  return (
    <section class="card answer" aria-label={`${title} answer`} aria-busy={isRunning}>
      <h2>
        {title} <small>{note}</small>
      </h2>
      <p class={`text${isRunning ? ' running' : ''}${(text?.length ?? 0) > 24 ? ' long' : ''}`}>
        {text?.trim() || (isRunning ? 'prefill' : '–')}
      </p>
      <TimeBar side={side} />
      <Figures answer={answer} />
      {current && answer && <LayerBars answer={answer} all={current.imageTokens} side={side} />}
    </section>
  );
}

function Figures({ answer }: { readonly answer: Answer | undefined }) {
  const other = shown.value?.answers.unpruned;
  const figure = (value: (answer: Answer) => string) => (answer ? value(answer) : '–');
  const fewer =
    answer && other && answer !== other
      ? times(other.multiplyAdds / answer.multiplyAdds)
      : undefined;
  return (
    <dl class="numbers">
      <dt>first token</dt>
      <dd>{figure(({ firstTokenMs }) => milliseconds(firstTokenMs))}</dd>
      <dt>tokens/s</dt>
      <dd>{figure(({ tokensPerSecond: rate }) => (rate > 0 ? rate.toFixed(1) : '–'))}</dd>
      <dt title="Keys and values that attention reads at every step">KV cache</dt>
      <dd>{figure(({ kvCacheBytes }) => megabytes(kvCacheBytes))}</dd>
      <dt title="Multiply-adds of the prefill, scoring included">FLOPs</dt>
      <dd>{figure(({ multiplyAdds }) => operations(multiplyAdds))}</dd>
      <dt title="Unpruned over pruned">fewer FLOPs</dt>
      <dd>{fewer ? <b class="gain">{fewer}</b> : '–'}</dd>
    </dl>
  );
}
