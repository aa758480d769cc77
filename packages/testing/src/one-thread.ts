/**
 * Sessions of onnxruntime-node get one thread, unless their options say how many. The shared configuration runs this
 * before each file of tests: their models are small, and more threads would gain nothing, and take the cores that other
 * files need.
 */
import { createRequire } from 'node:module';

// The copy that onnxruntime-node loads: an import would give another, made of modules.
const { InferenceSession } = createRequire(import.meta.url)(
  'onnxruntime-common',
) as typeof import('onnxruntime-common');

type Create = (model: never, options?: object) => Promise<never>;

// Files share what is loaded.
const done = Symbol.for('transprune.one-thread');
const session = InferenceSession as unknown as { create: Create; [done]?: true };
if (!session[done]) {
  const create: Create = session.create.bind(session);
  session.create = (model, options) => create(model, { intraOpNumThreads: 1, ...options });
  session[done] = true;
}
