/** A response's request in the engine's words. */
import type { ChatMessage, ChatPart } from '@transprune/vlm';
import type { ImageUrl } from '../../images/read.js';
import type { Asked } from '../answer.js';
import { plain, samplingOf, stopOf } from '../asked.js';
import { checkAsked, maxNewTokens } from '../limits.js';
import { choosePruning, type Detail } from '../pruning.js';
import type { ResponseItem, ResponseRequest } from '../schemas/responses.js';
import type { Service } from '../service.js';

/** @throws ApiError 400 for more than the limits allow, or what the model cannot do */
export function askOfResponse(request: ResponseRequest, { facts, limits }: Service): Asked {
  const { instructions, input, max_output_tokens } = request;
  const images: ImageUrl[] = [];
  const details: Detail[] = [];
  const items: readonly ResponseItem[] =
    typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  const messages = items.map(({ role, content }, at): ChatMessage => {
    const parts =
      typeof content === 'string' ? [{ type: 'input_text', text: content } as const] : content;
    const written = parts.map((part, index): ChatPart => {
      if (part.type !== 'input_image') return { type: 'text', text: part.text };
      images.push({ url: part.image_url, param: `input[${at}].content[${index}].image_url` });
      details.push(part.detail ?? 'auto');
      return { type: 'image' };
    });
    return { role: role === 'developer' ? 'system' : role, content: plain(written) };
  });
  if (instructions !== undefined) messages.unshift({ role: 'system', content: instructions });
  const param = 'input';
  checkAsked({ messages, images, param }, limits);
  return {
    messages,
    param,
    images,
    pruning: choosePruning(facts, request.pruning, details),
    maxNewTokens: maxNewTokens({ max_output_tokens }, limits),
    sampling: samplingOf(request),
    stop: stopOf(request),
  };
}
