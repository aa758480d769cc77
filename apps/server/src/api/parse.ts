/** Bodies of requests: JSON, then what the schema says; everything else is refused by name. */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { z } from 'zod';
import { readBounded } from '../limits/bounded.js';
import { hasMoreMarks, mostMarks } from '../limits/structure.js';
import { ApiError, badRequest, clientLeft } from './errors.js';
import type { Service } from './service.js';

/**
 * Parameters of OpenAI's API that change nothing here at these values, and are refused at others. Those that
 * take any value say nothing to a server that keeps no state.
 */
export type Neutral = Readonly<Record<string, (value: unknown) => boolean>>;

const isAny = () => true;
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isEmpty = (value: unknown) => isObject(value) && Object.keys(value).length === 0;
const isOneOf =
  (...values: readonly unknown[]) =>
  (value: unknown) =>
    values.includes(value);

/** Of both APIs. */
export const neutral: Neutral = {
  tools: isEmpty,
  tool_choice: isOneOf('none', 'auto'),
  parallel_tool_calls: isAny,
  presence_penalty: isOneOf(0),
  frequency_penalty: isOneOf(0),
  top_logprobs: isOneOf(0),
  store: isOneOf(true, false),
  service_tier: isOneOf('auto', 'default'),
  prompt_cache_key: isAny,
  prompt_cache_retention: isAny,
  safety_identifier: isAny,
};

/** Of chat completions alone. */
export const neutralInChat: Neutral = {
  ...neutral,
  n: isOneOf(1),
  functions: isEmpty,
  function_call: isOneOf('none', 'auto'),
  response_format: isTextFormat,
  logprobs: isOneOf(false),
  logit_bias: isEmpty,
  modalities: (value) => JSON.stringify(value) === '["text"]',
  audio: isOneOf(),
  prediction: isOneOf(),
  reasoning_effort: isOneOf('none'),
  verbosity: isOneOf('medium'),
  web_search_options: isOneOf(),
};

/** Of responses alone. */
export const neutralInResponses: Neutral = {
  ...neutral,
  text: isPlainText,
  truncation: isOneOf('disabled'),
  include: isEmpty,
  background: isOneOf(false),
  reasoning: (value) => isObject(value) && Object.values(value).every((each) => each === null),
  max_tool_calls: isOneOf(),
  previous_response_id: isOneOf(),
  conversation: isOneOf(),
  prompt: isOneOf(),
};

function isTextFormat(value: unknown): boolean {
  return isObject(value) && value.type === 'text';
}

/** How answers are written anyway. */
function isPlainText(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { format, verbosity, ...others } = value;
  const isFormat = format === undefined || format === null || isTextFormat(format);
  const isMedium = verbosity === undefined || verbosity === null || verbosity === 'medium';
  return isFormat && isMedium && isEmpty(others);
}

export interface BodyOptions<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly known: Neutral;
  readonly service: Pick<Service, 'limits' | 'bodies'>;
}

/**
 * A request's body.
 *
 * @throws ApiError 413 for one that is too large, 429 for one that is too large with all others, 415 for another type than JSON, 400 that names the parameter
 *   at fault
 */
export async function parseBody<Schema extends z.ZodType>(
  context: Context,
  { schema, known, service }: BodyOptions<Schema>,
): Promise<z.infer<Schema>> {
  const type = context.req.header('content-type') ?? '';
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new ApiError(415, 'unsupported_media_type', 'expected a body of type application/json');
  }
  const encoding = context.req.header('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new ApiError(
      415,
      'unsupported_media_type',
      'expected a body without a Content-Encoding, got one that is compressed',
    );
  }
  const bytes = await bytesOf(context, service);
  checkStructure(bytes, service.limits);
  const body = withoutNeutral(jsonOf(bytes), known);
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  throw refusal(error);
}

async function bytesOf(
  { req, env }: Context,
  { limits, bodies }: BodyOptions<z.ZodType>['service'],
): Promise<Uint8Array> {
  const { bodyBytes: limit } = limits;
  const tooLarge = () =>
    new ApiError(
      413,
      'body_too_large',
      `expected a body of at most ${limit} bytes, got a larger one`,
    );
  const announced = Number(req.header('content-length') ?? 0);
  if (announced > limit) throw tooLarge();
  const { outgoing } = env as HttpBindings;
  const body = bodies.counted(req.raw.body ?? [], outgoing, announced);
  try {
    return await readBounded(body, limit, tooLarge);
  } catch (cause) {
    throw cause instanceof ApiError ? cause : clientLeft({ cause });
  }
}

function checkStructure(bytes: Uint8Array, limits: Service['limits']): void {
  const most = mostMarks(limits);
  if (!hasMoreMarks(bytes, most)) return;
  throw badRequest(
    'too_many_values',
    `expected a body with at most ${most} commas and opening brackets, got more`,
  );
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badRequest('invalid_json', 'expected a body that is JSON in UTF-8');
  }
}

/** Null is how clients say that a parameter is left out. */
function withoutNeutral(body: unknown, known: Neutral): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const left = Object.entries(body).filter(([name, value]) => {
    if (value === null) return false;
    const isNeutral = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!isNeutral) return true;
    if (isNeutral(value)) return false;
    throw badRequest(
      'unsupported_parameter',
      `${name} is not supported by this server; leave it out`,
      name,
    );
  });
  return Object.fromEntries(left);
}

type Issue = z.core.$ZodIssue;

function refusal({ issues }: z.ZodError): ApiError {
  const { path, issue } = deepest(issues);
  const param = nameOf(path);
  if (issue?.code === 'unrecognized_keys') {
    const name = nameOf([...path, issue.keys[0] ?? '']);
    return badRequest('unknown_parameter', `unknown parameter: ${name}`, name);
  }
  const place = param === '' ? 'the body' : param;
  const message = (issue?.message ?? 'Invalid input').slice(0, 300);
  return badRequest('invalid_value', `${place}: ${message}`, param === '' ? undefined : param);
}

/** Of the alternatives that do not fit, the one that fits best is the one that was meant. */
function deepest(issues: readonly Issue[]): {
  readonly path: readonly PropertyKey[];
  readonly issue: Issue | undefined;
} {
  const [issue] = issues;
  if (issue?.code !== 'invalid_union' || issue.errors.length === 0) {
    return { path: issue?.path ?? [], issue };
  }
  const found = issue.errors.map((each) => deepest(each));
  const [best] = found.sort((a, b) => b.path.length - a.path.length);
  if (!best || best.path.length === 0) return { path: issue.path, issue };
  return { path: [...issue.path, ...best.path], issue: best.issue };
}

/** As OpenAI writes places: `messages[0].content`. Names of the client's are cut. */
function nameOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, 64)}`))
    .join('')
    .replace(/^\./, '');
}
