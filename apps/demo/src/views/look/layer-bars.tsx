import type { Answer } from '@transprune/trace';
import type { Side } from '../../worker/protocol.js';

/** Image tokens that each layer sees. */
export function LayerBars(props: {
  readonly answer: Answer;
  readonly all: number;
  readonly side: Side;
}) {
  const { answer, all, side } = props;
  const counts = answer.imageTokensPerLayer;
  return (
    <figure class={`layer-bars ${side}`}>
      <div
        role="img"
        aria-label={`Image tokens from layer 1 to ${counts.length}: ${counts.join(', ')}`}
      >
        {counts.map((count, layer) => (
          <i
            key={layer}
            title={`layer ${layer + 1}: ${count} image tokens`}
            style={{ height: `${(100 * count) / Math.max(1, all)}%` }}
          />
        ))}
      </div>
      <figcaption class="numbers">
        image tokens, layers 1 to {counts.length}: {counts[0]} to {counts.at(-1)}
      </figcaption>
    </figure>
  );
}
