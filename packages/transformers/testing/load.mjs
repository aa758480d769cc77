// Loads a model in a process of its own: `node load.mjs stock|pruned FOLDER`. Prints the peak of its resident
// memory in KiB, and how many prunes the decoder has.
import { AutoModelForImageTextToText } from '@huggingface/transformers';

const [way, folder] = process.argv.slice(2);
let Class = AutoModelForImageTextToText;
if (way === 'pruned') {
  const { pruned } = await import('@transprune/transformers');
  Class = pruned(Class);
}
const { pruning } = await Class.from_pretrained(folder, { dtype: 'fp32' });
const peak = process.resourceUsage().maxRSS;
console.log(JSON.stringify({ peak, stages: pruning?.plan.stages.length ?? 0 }));
process.exit();
