/** Part 4, last: what is lost over a conversation, where the first question decides what is kept. */
import { withMethod } from '@transprune/core';
import { isRightAnswer } from '@transprune/embedded-model';
import { type Estimate, meanOfPoints, randomSource } from '@transprune/eval';
import { collect, type LocalEngine } from '@transprune/vlm';
import { shuffle } from 'simple-statistics';
import { askItems, maxNewTokens } from '../answers/ask.js';
import { section, table, withInterval } from '../document/markdown.js';
import type { StudyQuestion } from '../questions/held-out.js';
import { mean } from '../statistics/ratio.js';
import type { Study } from '../study.js';
import { unpruned } from '../variants/costs.js';
import { seedsOf } from '../variants/methods.js';
import { masksOf, type Variant } from '../variants/variant.js';

/** Questions of a conversation at most. */
const longest = 4;

export interface ConversationStudy {
  readonly markdown: string;
  /** Right answers of the first and of later turns, by variant; the unpruned first. */
  readonly turns: readonly {
    readonly name: string;
    readonly first: Estimate;
    readonly later: Estimate;
  }[];
}

export async function studyConversations(study: Study): Promise<ConversationStudy> {
  const conversations = conversationsOf(study);
  const [high, low] = study.settings;
  if (!high || !low) throw new Error('expected two settings');
  const seeds = seedsOf(study.extent.masks);
  const variants: Variant[] = [
    { name: 'unpruned', plan: unpruned },
    { name: 'transprune, High', plan: high.plan },
    { name: 'random, High', plan: withMethod(high.plan, 'random'), seeds },
    { name: 'transprune, Low', plan: low.plan },
  ];
  const results = [];
  for (const variant of variants) {
    const masks: boolean[][][] = [];
    for (const mask of masksOf(variant)) {
      masks.push(await askConversations(study, mask, conversations));
    }
    const turns = conversations.map((own, at) =>
      own.map((_, turn) => mean(masks.map((found) => Number(found[at]?.[turn])))),
    );
    results.push({ name: variant.name, turns });
  }
  const at = (turns: readonly number[][], turn: number) => turns.flatMap((own) => own[turn] ?? []);
  const later = (turns: readonly number[][]) => turns.flatMap((own) => own.slice(1));
  return {
    turns: results.map(({ name, turns }) => ({
      ...{ name, first: meanOfPoints(at(turns, 0)), later: meanOfPoints(later(turns)) },
    })),
    markdown: section(
      'A conversation about one picture',
      `${conversations.length} conversations of up to ${longest} questions, of kinds by chance, ${conversations.reduce((sum, own) => sum + own.length, 0)} in all; each goes on on the caches of those before. What the first question left is all that later ones see of the picture. The model was trained on single questions: the unpruned row says what it makes of conversations at all. *random* is the mean of ${seeds.length} random choices.`,
      table(
        [
          'right answers, %',
          ...Array.from({ length: longest }, (_, turn) => `question ${turn + 1}`),
        ],
        results.map(({ name, turns }) => [
          name,
          ...Array.from({ length: longest }, (_, turn) =>
            withInterval(meanOfPoints(at(turns, turn))),
          ),
        ]),
      ),
    ),
  };
}

/** A few questions that may be asked, of each of the first pictures, of any kinds in any order: its number is the seed. */
function conversationsOf({ unseen: questions, extent }: Study): StudyQuestion[][] {
  const scenes = [...new Set(questions.map(({ scene }) => scene))];
  return scenes
    .map((scene) =>
      shuffle(
        questions.filter((question) => question.scene === scene),
        randomSource(scene),
      ).slice(0, longest),
    )
    .filter((own) => own.length > 1)
    .slice(0, extent.conversations);
}

/** Whether each turn's answer was right. */
async function askConversations(
  { asking }: Study,
  variant: Variant,
  conversations: readonly StudyQuestion[][],
): Promise<boolean[][]> {
  const idOf = (own: readonly StudyQuestion[]) => own.map(({ id }) => id).join(' ');
  const byId = new Map(conversations.map((own) => [idOf(own), own]));
  const items = conversations.map((own) => ({
    id: idOf(own),
    prompt: own.map(({ text }) => text).join(' '),
  }));
  const answers = await askItems(asking, variant, {
    ...{ part: 'conversation', items },
    answer: (engine, id) => talk(engine, byId.get(id) ?? [], asking.signal),
  });
  return conversations.map((own) => {
    const texts: string[] = JSON.parse(answers.get(idOf(own)) ?? '[]');
    return own.map(({ answer }, turn) => isRightAnswer(texts[turn] ?? '', answer));
  });
}

/** Texts of the answers, as JSON. */
async function talk(
  engine: LocalEngine,
  questions: readonly StudyQuestion[],
  signal: AbortSignal,
): Promise<string> {
  const chat = engine.chat();
  const texts: string[] = [];
  try {
    for (const [turn, { text: question, picture }] of questions.entries()) {
      const images = turn === 0 ? [picture] : [];
      const { text } = await collect(chat.ask({ question, images, signal, maxNewTokens }));
      signal.throwIfAborted();
      texts.push(text);
    }
  } finally {
    await chat.dispose();
  }
  return JSON.stringify(texts);
}
