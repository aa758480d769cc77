/** Answers as the resource that `POST /v1/responses` gives. */
import { randomUUID } from 'node:crypto';
import type { AnswerEnd } from '../answer.js';
import { metricsOf, pruningOf } from '../report.js';
import type { OutputMessage, ResponseReply, ResponseRequest } from '../schemas/responses.js';

const now = () => Math.floor(Date.now() / 1000);

/** A response that has just begun: the request's settings, and no output. */
export function startedResponse(request: ResponseRequest, model: string): ResponseReply {
  const { instructions = null, max_output_tokens = null, metadata = {} } = request;
  return {
    id: `resp_${randomUUID()}`,
    object: 'response',
    created_at: now(),
    completed_at: null,
    status: 'in_progress',
    incomplete_details: null,
    error: null,
    model,
    previous_response_id: null,
    instructions,
    output: [],
    tools: [],
    tool_choice: 'none',
    truncation: 'disabled',
    parallel_tool_calls: false,
    text: { format: { type: 'text' } },
    top_p: request.top_p ?? 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    top_logprobs: 0,
    temperature: request.temperature ?? 0,
    reasoning: null,
    usage: null,
    max_output_tokens,
    max_tool_calls: null,
    store: false,
    background: false,
    service_tier: 'default',
    metadata,
    safety_identifier: null,
    prompt_cache_key: null,
  };
}

/** A message that has just begun. */
export function startedMessage(): OutputMessage {
  return {
    type: 'message',
    id: `msg_${randomUUID()}`,
    status: 'in_progress',
    role: 'assistant',
    content: [],
  };
}

export function outputText(text: string): OutputMessage['content'][number] {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

/** The message with its whole text. */
export function endedMessage(message: OutputMessage, text: string, end: AnswerEnd): OutputMessage {
  return { ...message, status: statusOf(end), content: [outputText(text)] };
}

/** The response with its whole answer. */
export function endedResponse(
  response: ResponseReply,
  message: OutputMessage,
  end: AnswerEnd,
): ResponseReply {
  const { promptTokens, completionTokens } = end.usage;
  const status = statusOf(end);
  return {
    ...response,
    status,
    completed_at: status === 'completed' ? now() : null,
    incomplete_details: status === 'completed' ? null : { reason: 'max_output_tokens' },
    output: [message],
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: completionTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: promptTokens + completionTokens,
    },
    pruning: pruningOf(end),
    metrics: metricsOf(end),
  };
}

function statusOf({ reason }: AnswerEnd): 'completed' | 'incomplete' {
  return reason === 'stop' ? 'completed' : 'incomplete';
}
