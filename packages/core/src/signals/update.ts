/**
 * How much one layer moves a token, in two readings: as the step along the residual stream that the layer makes
 * (V2Drop, arXiv 2509.01552: the distance between a token before and after a layer), and as what attention alone
 * adds (DASH, arXiv 2604.18103: tokens whose update by attention has died down are settled).
 */
import type { TensorAlgebra } from '../algebra/algebra.js';
import type { ModulePass } from './transition.js';

/**
 * Length of the step that a layer makes: of the sum of what its modules write.
 *
 * @param modules of one layer
 * @returns `[batch, tokens]`
 */
export function layerVariation<T>(algebra: TensorAlgebra<T>, modules: readonly ModulePass<T>[]): T {
  const step = modules
    .map(({ output }) => output)
    .reduce((sum, output) => algebra.add(sum, output));
  return algebra.l2norm(step, [-1]);
}

/**
 * Length of what attention, the first of a layer's modules, writes.
 *
 * @returns `[batch, tokens]`
 */
export function attentionUpdate<T>(
  algebra: TensorAlgebra<T>,
  [attention]: readonly ModulePass<T>[],
): T {
  if (!attention) throw new Error('expected a layer with a module');
  return algebra.l2norm(attention.output, [-1]);
}
