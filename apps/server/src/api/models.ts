/** `GET /v1/models`: the one model, what it takes, and how it is pruned. */
import type { Context } from 'hono';
import { ApiError } from './errors.js';
import type { Service } from './service.js';

/** @throws ApiError 404 for a model that is not there */
export function checkModel({ modelName }: Service, asked: string): void {
  if (asked === modelName) return;
  throw new ApiError(
    404,
    'model_not_found',
    `expected the model that is served, ${modelName}, got ${asked.slice(0, 100)}`,
    { param: 'model' },
  );
}

export function modelOf({ modelName, created, facts, limits }: Service) {
  const { plan, preset, presets, layers, modelType, device, batches } = facts;
  return {
    id: modelName,
    object: 'model',
    created,
    owned_by: 'transprune',
    architecture: { model_type: modelType, layers },
    device,
    input_modalities: ['text', 'image'],
    output_modalities: ['text'],
    max_prompt_tokens: limits.promptTokens,
    max_completion_tokens: limits.completionTokens,
    batched_decoding: batches,
    pruning: { preset, presets, plan },
  };
}

export const modelsRoute = (service: Service) => (context: Context) =>
  context.json({ object: 'list', data: [modelOf(service)] });

/** Names of models on the hub have a slash, which clients may leave as it is. */
export const modelRoute = (service: Service) => (context: Context) => {
  checkModel(service, decoded(context.req.path.slice('/v1/models/'.length)));
  return context.json(modelOf(service));
};

/** A part of a path as it was meant; as it came, if that is nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
