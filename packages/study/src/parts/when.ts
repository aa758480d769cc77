/** Part 6: when not to use this, by what was found. */

import { percent, points, section, table } from '../document/markdown.js';
import type { Study } from '../study.js';
import { baselines } from '../variants/methods.js';
import type { Accuracies } from './accuracy.js';
import { gain, verdict } from './comparison.js';
import type { ConversationStudy } from './conversation.js';
import type { ScheduleStudy } from './schedules.js';
import type { SpeedStudy } from './speed.js';

interface Findings {
  readonly accuracies: Accuracies;
  readonly schedules: ScheduleStudy;
  readonly conversation: ConversationStudy;
  readonly speed: SpeedStudy;
}

export function studyWhen(study: Study, findings: Findings): string {
  const rows = [
    ...lostKinds(study, findings.accuracies),
    ...betterMethods(study, findings.accuracies),
    ...[...findings.schedules.better].map(([method, found]) => [
      `Where *${method}* may prune at layers that suit it`,
      found.join('; '),
    ]),
    ...laterTurns(findings.conversation),
    ...times(findings.speed),
  ];
  return section(
    'When not to use this',
    'Of this model; each row is there because of the figures above.',
    rows.length === 0
      ? 'None of what was looked at speaks against it here.'
      : table(['situation', 'found here'], rows, 'words'),
  );
}

/** Kinds of questions that lose, beyond chance. */
function lostKinds({ questions, heldOut }: Study, { unpruned, main }: Accuracies): string[][] {
  return heldOut.kinds.flatMap((kind) => {
    const asked = questions.filter((question) => question.kind === kind);
    const losses = [...main].flatMap(([{ name }, [own]]) => {
      if (!own) return [];
      const lost = gain(own, unpruned, asked);
      return lost.high < 0 ? [`${name}: ${points(lost)}`] : [];
    });
    return losses.length === 0
      ? []
      : [[`Questions of the kind *${kind}*`, `points against the unpruned: ${losses.join('; ')}`]];
  });
}

/** Baselines that TransPrune does not beat at equal cost, and whatever else is better there. */
function betterMethods({ questions }: Study, { all }: Accuracies): string[][] {
  const standing = new Map<string, string[]>();
  for (const [setting, [own, ...others]] of all) {
    if (!own) continue;
    for (const other of others) {
      const word = verdict(other, own, questions);
      if (word === 'worse' || (word !== 'better' && !baselines.includes(other.family))) continue;
      const found = `${setting.name}: ${word} (${points(gain(other, own, questions))} points)`;
      standing.set(other.family, [...(standing.get(other.family) ?? []), found]);
    }
  }
  return [...standing].map(([method, found]) => [
    `Where *${method}* is to be had at the same cost`,
    found.join('; '),
  ]);
}

function laterTurns({ turns }: ConversationStudy): string[][] {
  const [whole, ...others] = turns;
  const worse = others.filter(({ later }) => whole !== undefined && later.high < whole.later.low);
  return worse.length === 0 || !whole
    ? []
    : [
        [
          'Several questions about one picture, on one cache',
          `right after the first question: ${[whole, ...worse].map(({ name, later }) => `${name} ${percent(later.value)} %`).join('; ')}`,
        ],
      ];
}

function times({ high }: SpeedStudy): string[][] {
  return [
    ...(high.share < 0.8
      ? [
          [
            'Decoders as small as this one',
            `the prefill gains ${high.gain.toFixed(2)} x, ${percent(high.share, 0)} % of what the FLOPs allow`,
          ],
        ]
      : []),
    ...(high.stepGain < 1.2
      ? [
          [
            'Long answers',
            `a step under High is ${high.stepGain.toFixed(2)} x as fast as unpruned; only the prefill gains`,
          ],
        ]
      : []),
  ];
}
