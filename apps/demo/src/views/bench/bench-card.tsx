import type { BenchDocument } from '@transprune/bench';
import { type ShownBench, saveBench } from '../../state/bench.js';
import { megabytes, milliseconds, percent, times } from '../../words/units.js';
import { Spread } from './spread.js';

/** What one benchmark measured. */
export function BenchCard({ bench }: { readonly bench: ShownBench }) {
  const { name, document } = bench;
  const { model, device, sizes, prefillTimes, decodeTimes, speedup } = document;
  const { flopsBoundSpeedup: bound } = document;
  const prefills = Math.max(...Object.values(prefillTimes).map(({ max }) => max));
  const steps = Math.max(...Object.values(decodeTimes).map(({ max }) => max));
  return (
    <section class="card bench-card" aria-label={`${model} on ${device}`}>
      <h2>
        {model} on {device} <small>{name}</small>
      </h2>
      <p class="gains numbers">
        <b class="gain">{times(speedup)}</b> the speed of the unpruned prefill
        {bound !== null && (
          <>
            ; <b>{percent(speedup / bound, 0)}</b> of what counted multiply-adds would allow
          </>
        )}
      </p>
      <dl class="spreads">
        <Spread
          title="prefill, unpruned"
          side="unpruned"
          times={prefillTimes.baseline}
          most={prefills}
        />
        <Spread title="prefill, oracle" side="oracle" times={prefillTimes.oracle} most={prefills} />
        <Spread title="prefill, pruned" side="pruned" times={prefillTimes.pruned} most={prefills} />
        <Spread
          title="decode step, unpruned"
          side="unpruned"
          times={decodeTimes.baseline}
          most={steps}
        />
        <Spread title="decode step, pruned" side="pruned" times={decodeTimes.pruned} most={steps} />
      </dl>
      <ul class="facts numbers">
        {factsOf(document).map((fact) => (
          <li key={fact}>{fact}</li>
        ))}
      </ul>
      <div class="own">
        <button type="button" class="quiet" onClick={() => saveBench(bench)}>
          Download JSON
        </button>
        <small>
          {sizes.layers} layers, {sizes.hiddenSize} wide
          {document.precision && `, ${document.precision}`}; {document.runs} rounds after{' '}
          {document.warmups} of warm-up, {document.threads} threads
        </small>
      </div>
    </section>
  );
}

function factsOf(document: BenchDocument): string[] {
  const { imageTokens, stages, textTokens, decode, nodes, dispatches, peakBytes } = document;
  const left = stages.map((stage) => stage.imageTokens.toLocaleString('en')).join(', ');
  // Of fewer rounds no range holds the median with 95 %.
  const range = ([low, high]: readonly [number, number]) =>
    document.runs < 6 ? '' : ` (95 %: ${percent(low, 0)} to ${percent(high, 0)})`;
  const fromTo = (what: string, prefill: string, step: string) =>
    `${what}, unpruned → pruned: ${prefill} in a prefill, ${step} in a decode step`;
  return [
    `${imageTokens.toLocaleString('en')} image tokens, then ${left}; ${textTokens} text tokens`,
    `scoring takes ${percent(document.scoringOverhead, 1)} of the unpruned prefill${range(document.scoringOverheadRange)}`,
    `a pruned decode step takes ${percent(decode.ratio, 0)} of an unpruned one${range(decode.ratioRange)}`,
    ...(dispatches
      ? [
          fromTo(
            'kernels',
            `${dispatches.baseline.prefill} → ${dispatches.pruned.prefill}`,
            `${dispatches.baseline.step} → ${dispatches.pruned.step}`,
          ),
        ]
      : []),
    ...(nodes
      ? [
          fromTo(
            'nodes',
            `${nodes.baseline.prefill.nodes} → ${nodes.pruned.prefill.nodes}`,
            `${nodes.baseline.step.nodes} → ${nodes.pruned.step.nodes}`,
          ),
        ]
      : []),
    ...(peakBytes
      ? [
          `peak memory of a prefill: ${megabytes(peakBytes.baseline)} → ${megabytes(peakBytes.pruned)}`,
        ]
      : []),
    `the oracle drops the same tokens without scoring: ${milliseconds(document.oracleMs)}`,
  ];
}
