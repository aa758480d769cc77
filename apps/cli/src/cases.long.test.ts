/** Graphs of thousands of nodes: see `cases.test.ts`. */
import { checkCases } from '../testing/cases.js';

checkCases([
  ['mask-chain-3000'],
  ['no-token-left'],
  ['gpt-j', '--positions', 'keep'],
  ['glm4-moe'],
  ['phi-moe'],
]);
