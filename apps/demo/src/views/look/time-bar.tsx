import type { Answer } from '@transprune/trace';
import { shown } from '../../state/store.js';
import { milliseconds, times } from '../../words/units.js';
import type { Side } from '../../worker/protocol.js';

const parts = [
  { name: 'vision', ms: ({ visionMs }: Answer) => visionMs },
  { name: 'prefill', ms: ({ prefillMs }: Answer) => prefillMs },
  { name: 'first step', ms: ({ firstStepMs }: Answer) => firstStepMs },
] as const;

const sumOf = (answer: Answer) => parts.reduce((sum, { ms }) => sum + ms(answer), 0);

/** Where the time went; both answers share one scale, so that a shorter bar is the gain. */
export function TimeBar({ side }: { readonly side: Side }) {
  const answers = shown.value?.answers ?? {};
  const answer = answers[side];
  const longest = Math.max(1e-9, ...Object.values(answers).map(sumOf));
  return (
    <div class={`times ${side}`}>
      <div class="bar" aria-hidden="true">
        {answer &&
          parts.map(({ name, ms }) => (
            <i
              key={name}
              class={name.replace(' ', '-')}
              title={`${name}: ${milliseconds(ms(answer))}`}
              style={{ width: `${(100 * ms(answer)) / longest}%` }}
            />
          ))}
      </div>
      <ul class="legend numbers">
        {parts.map(({ name, ms }) => (
          <li key={name}>
            <i class={name.replace(' ', '-')} />
            {name} {answer && <span>{milliseconds(ms(answer))}</span>}
          </li>
        ))}
      </ul>
      <p class="note">{side === 'pruned' ? gainWords(answers) : 'asked one after the other'}</p>
    </div>
  );
}

function gainWords({ unpruned, pruned }: { unpruned?: Answer; pruned?: Answer }) {
  if (!unpruned || !pruned) return ' ';
  const ratio = unpruned.prefillMs / pruned.prefillMs;
  return (
    <>
      <b class="gain">{times(ratio)}</b> the speed of the unpruned prefill, same scale
    </>
  );
}
