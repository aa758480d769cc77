/**
 * The class of the library's sessions, before there is any session. The library exports it nowhere, so it is
 * given a model of one node to open.
 */
import { PreTrainedModel } from '@huggingface/transformers';
import type { Platform } from './platform.js';
import { type RuntimeSession, type SessionClass, sessionClassOf } from './runtime.js';

/** An ONNX model: y = Identity(x). */
const identityModel = Uint8Array.of(
  ...[8, 8, 58, 55, 10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121],
  ...[18, 1, 103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1],
  ...[98, 15, 10, 1, 121, 18, 10, 10, 8, 8, 1, 18, 4, 10, 2, 8, 1, 66, 2, 16, 17],
);

let found: Promise<SessionClass> | undefined;

/** Finds the class; only the first call opens anything. */
export function sessionClass(platform: Platform): Promise<SessionClass> {
  found ??= find(platform).catch((error) => {
    found = undefined;
    throw error;
  });
  return found;
}

async function find(platform: Platform): Promise<SessionClass> {
  const model = await platform.lend(identityModel, (id) =>
    PreTrainedModel.from_pretrained(id, {
      // Of no type that the library could miss.
      config: { model_type: 'custom' } as never,
      subfolder: '',
      dtype: 'fp32',
    }),
  );
  const session: RuntimeSession = model.sessions.model;
  await model.dispose();
  return sessionClassOf(session);
}
