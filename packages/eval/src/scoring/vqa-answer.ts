/**
 * Short answers as the challenges of VQA compare them: lower case, no articles, numbers as digits, contractions with
 * their apostrophes, most punctuation gone.
 *
 * @see https://visualqa.org/evaluation.html
 */

const numbers: ReadonlyMap<string, string> = new Map([
  ['none', '0'],
  ...'zero one two three four five six seven eight nine ten'
    .split(' ')
    .map((word, value): [string, string] => [word, `${value}`]),
]);

const articles: ReadonlySet<string> = new Set(['a', 'an', 'the']);

/** Those of the official list; of each, what stands there with one apostrophe missing is written right. */
const contractions =
  `ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't
haven't he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't
must've needn't not've o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll
somebody's someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd
there'd've there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll
what're what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't
would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've`.split(
    /\s+/,
  );

const rightForm: ReadonlyMap<string, string> = new Map([
  ...contractions.flatMap((right) =>
    [...right.matchAll(/'/g)].map(({ index }): [string, string] => [
      right.slice(0, index) + right.slice(index + 1),
      right,
    ]),
  ),
  // The official list has this one the wrong way round.
  ["somebody'd", 'somebodyd'],
]);

const punctuation = [...';/[]"{}()=+\\_-><@`,?!'];

/** The form in which TextVQA compares two answers, and LLaVA hands answers to VQA's server (EvalAI's answer processor). */
export const normalizeAnswer = (answer: string): string =>
  plainWords(
    oneLine(answer.toLowerCase().replaceAll(',', '').replaceAll('?', '').replaceAll("'s", " 's")),
  );

const oneLine = (text: string): string => text.replace(/[\n\t]/g, ' ').trim();

function plainWords(text: string): string {
  return withoutPunctuation(text)
    .toLowerCase()
    .split(/\s+/)
    .map((word) => numbers.get(word) ?? word)
    .filter((word) => word !== '' && !articles.has(word))
    .map((word) => rightForm.get(word) ?? word)
    .join(' ');
}

/**
 * Punctuation beside a space goes, as all does beside a number such as 1,000; between letters it becomes a space. Points
 * stay in front of digits only.
 */
function withoutPunctuation(text: string): string {
  // Most answers are words.
  if (/^[\p{L}\p{N} ]*$/u.test(text)) return text;
  const hasThousands = /\d,\d/.test(text);
  let without = text;
  for (const mark of punctuation) {
    const isBeside = text.includes(`${mark} `) || text.includes(` ${mark}`);
    without = without.replaceAll(mark, isBeside || hasThousands ? '' : ' ');
  }
  return without.replace(/\.(?!\d)/g, '');
}

/**
 * What share of people agrees with an answer: for each of the people's answers, how many of the others said it,
 * three or more being full agreement; the mean of these.
 *
 * @param given the people's answers, ten as a rule
 */
export const agreement = (answer: string, given: readonly string[]): number =>
  shareOf(normalizeAnswer(answer), given.map(normalizeAnswer));

/**
 * The same as VQA's own evaluation has it, of an answer that is handed to it in normal form: where all people said the
 * same, it is compared letter by letter; else both in a form that leaves `'s` in its word.
 *
 * @see https://github.com/GT-Vision-Lab/VQA/blob/master/PythonEvaluationTools/vqaEvaluation/vqaEval.py
 */
export function vqaAgreement(answer: string, given: readonly string[]): number {
  const said = normalizeAnswer(answer);
  const people = given.map(oneLine);
  return new Set(people).size > 1
    ? shareOf(plainWords(said), people.map(plainWords))
    : shareOf(said, people);
}

function shareOf(said: string, people: readonly string[]): number {
  const same = people.filter((each) => each === said).length;
  const shares = people.map((each) => Math.min(1, (same - (each === said ? 1 : 0)) / 3));
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}
