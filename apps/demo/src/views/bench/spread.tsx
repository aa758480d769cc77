import type { Summary } from '@transprune/bench';
import { milliseconds } from '../../words/units.js';

/** Times of all rounds as ticks over the bar of their median; bars of one kind share a scale. */
export function Spread(props: {
  readonly title: string;
  readonly side: 'unpruned' | 'oracle' | 'pruned';
  readonly times: Summary;
  /** The time at the scale's end, in milliseconds. */
  readonly most: number;
}) {
  const { title, side, times, most } = props;
  const at = (ms: number) => `${(100 * ms) / Math.max(most, 1e-9)}%`;
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <div class={`spread ${side}`} aria-hidden="true">
          <i style={{ width: at(times.median) }} />
          {times.values.map((ms, round) => (
            <span key={round} style={{ left: at(ms) }} />
          ))}
        </div>
        <span class="numbers">
          {milliseconds(times.median)}{' '}
          <small>
            {milliseconds(times.min).replace(/\sms$/, '')} to {milliseconds(times.max)}
          </small>
        </span>
      </dd>
    </>
  );
}
