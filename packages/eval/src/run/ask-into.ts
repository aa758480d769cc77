/** One question, and its answer on disk. */
import type { Problem, Question } from '../benchmark.js';
import type { Answer, Answerer } from './answerer.js';
import type { AnswerLine, AnswersFile } from './answers-file.js';

/**
 * @param failures takes what went wrong with a question whose answer failed
 * @returns the line that was written; undefined if the answer failed
 * @throws the signal's reason if it is aborted, and what keeps the file from being written
 */
export async function askInto(
  file: AnswersFile,
  answerer: Answerer,
  question: Question,
  { signal, failures }: { readonly signal: AbortSignal; readonly failures: Problem[] },
): Promise<AnswerLine | undefined> {
  const { id, prompt } = question;
  let answer: Answer;
  try {
    answer = await answerer.answer(question, signal);
  } catch (error) {
    signal.throwIfAborted();
    failures.push({
      where: `question ${id}`,
      what: error instanceof Error ? error.message : `${error}`,
    });
    return undefined;
  }
  const { text, metadata = {}, written } = answer;
  // As LLaVA's scripts hand it to scorers, to which a space is a letter.
  const said = text.trim();
  const line = { question_id: id, prompt, text: said, model_id: answerer.name, metadata };
  // What cannot be written ends the run.
  await file.add(line);
  await written?.();
  return line;
}
