import type { VerifyCheck, VerifyReport } from '@transprune/verify';
import { type Block, table } from './table.js';

/** That a check has passed, in a line if it was a quick one. */
export function showPassed(report: VerifyReport): Block[] {
  const { checks, quick, device, precision } = report;
  if (!quick) return showVerification(report);
  return [
    `${checks.length} quick checks passed on ${device}, ${precision}; --verify does them thoroughly.`,
  ];
}

/** Each check, how far off it was and what it may be, and what there is to say about it. */
export function showVerification({ checks, quick, device, precision }: VerifyReport): Block[] {
  const rows = checks.map(({ name, difference, tolerance, ...check }) => [
    name,
    difference === null ? '' : number(difference),
    number(tolerance),
    verdict({ difference, ...check }),
  ]);
  const notes = new Map<string, string[]>();
  for (const { name, note } of checks) {
    if (note !== undefined) notes.set(note, [...(notes.get(note) ?? []), name]);
  }
  return [
    table(
      [`${quick ? 'checked' : 'verified'} on ${device}, ${precision}`, 'difference', 'at most', ''],
      rows,
    ),
    ...[...notes].map(([note, names]) => `${names.join('; ')}: ${note}`),
  ];
}

const number = (value: number) => (value === 0 ? '0' : value.toExponential(1));

function verdict({ passed, difference }: Pick<VerifyCheck, 'passed' | 'difference'>): string {
  if (!passed) return 'FAILED';
  return difference === null ? 'not applicable' : 'ok';
}
