/**
 * Caches with room for more than they hold, as runtimes that write to them in place have: a decoder pruned for them
 * answers as it does in caches that grow, any other has to fail.
 */
import { lengthOutput } from '@transprune/core';
import { cacheModesOf, type Decoder } from '@transprune/onnx';
import type { Session } from '@transprune/session';
import { relativeDifference, worst } from './compare.js';
import type { Verification } from './context.js';
import { type Answer, outputOf } from './play.js';
import type { RowCall } from './prompt.js';
import { check, differenceOf, type Measured, outcomeOf, type VerifyCheck } from './report.js';
import { alone } from './workbench.js';

/** Tokens of room beyond what is played. */
const spare = 7;

/**
 * Plays on the written decoder.
 *
 * @param calls a conversation; the prompt in two calls is played besides
 * @returns none where attention is not told lengths: its caches cannot have room
 */
export async function checkRoom(
  { original, decoder, bench, ratios, unpruned, plan, options, tolerance }: Verification,
  session: Session,
  calls: readonly RowCall[],
): Promise<VerifyCheck[]> {
  if (!cacheModesOf(original).includes('fixed')) return [];
  // In batches masks tell.
  const isTold = options.cache === 'fixed' && options.batch !== true;
  const stages = isTold ? plan.stages : [];
  const fetch = stages.map((_, stage) => lengthOutput(stage));
  const play = (own: readonly RowCall[], cacheRoom = 0) =>
    bench.play(session, alone(own), ratios, { fetch, cacheRoom });
  const roomFor = (own: readonly RowCall[]) =>
    own.reduce((sum, { spans }) => sum + spans.length, spare);
  if (options.cache !== 'fixed') {
    const outcome = await outcomeOf(() => play(calls.slice(0, 1), roomFor(calls)));
    return [mustFail('caches with room for more fail', 'failure' in outcome)];
  }
  const afterLayers = stages.map(({ afterLayer }) => afterLayer);
  const compared = async (name: string, own: readonly RowCall[]) => {
    const both = await outcomeOf(async () => [await play(own), await play(own, roomFor(own))]);
    return check(name, tolerance.logits, both, ([growing = [], roomy = []]) =>
      compareRoomy(roomy, growing, (lengths) => lengthsAfter(decoder, lengths, afterLayers)),
    );
  };
  return [
    await compared('caches with room for more', calls),
    await compared('caches with room for more: the prompt in two calls', unpruned.chunks),
  ];
}

function mustFail(name: string, passed: boolean): VerifyCheck {
  if (passed) return { name, passed, difference: 0, tolerance: 0 };
  const note = 'the graph answers, though nothing tells it what such caches hold';
  return { name, passed, difference: null, tolerance: 0, note };
}

/**
 * Logits, and the lengths that the graph gives out.
 *
 * @param lengthsOf what these have to be, by the lengths of growing caches
 */
function compareRoomy(
  roomy: readonly Answer[],
  growing: readonly Answer[],
  lengthsOf: (cacheLengths: readonly number[]) => readonly number[],
): Measured {
  for (const [at, answer] of growing.entries()) {
    const expected = lengthsOf(answer.cacheLengths);
    const found = expected.flatMap((_, stage) => {
      const name = lengthOutput(stage);
      return [answer, roomy[at] ?? answer].flatMap((own) => [...outputOf(own, name).data]);
    });
    const twice = expected.flatMap((length) => [length, length]);
    const note = differenceOf(['lengths', found, twice]);
    if (note) return { difference: null, note: `call ${at + 1}: ${note}` };
  }
  const differences = growing.map(({ logits }, at) =>
    relativeDifference(roomy[at]?.logits.data ?? [], logits.data),
  );
  return { difference: worst(differences) };
}

/** Of growing caches, the length of the first one after each prune. */
function lengthsAfter(
  { layers }: Decoder,
  cacheLengths: readonly number[],
  afterLayers: readonly number[],
): number[] {
  const cached = layers.flatMap(({ cache }, layer) => (cache ? [layer] : []));
  return afterLayers.map((afterLayer) => {
    const next = cached.findIndex((layer) => layer >= afterLayer);
    return cacheLengths[next] ?? 0;
  });
}
