/** A chat completion's request in the engine's words. */
import type { ChatMessage, ChatPart } from '@transprune/vlm';
import type { ImageUrl } from '../../images/read.js';
import type { Asked } from '../answer.js';
import { plain, samplingOf, stopOf } from '../asked.js';
import { checkAsked, maxNewTokens } from '../limits.js';
import { choosePruning, type Detail } from '../pruning.js';
import type { ChatRequest } from '../schemas/chat.js';
import type { Service } from '../service.js';

/** @throws ApiError 400 for more than the limits allow, or what the model cannot do */
export function askOfChat(request: ChatRequest, { facts, limits }: Service): Asked {
  const images: ImageUrl[] = [];
  const details: Detail[] = [];
  const messages = request.messages.map(({ role, content }, at): ChatMessage => {
    const parts =
      typeof content === 'string' ? [{ type: 'text', text: content } as const] : content;
    const written = parts.map((part, index): ChatPart => {
      if (part.type === 'text') return part;
      const { url, detail = 'auto' } = part.image_url;
      images.push({ url, param: `messages[${at}].content[${index}].image_url.url` });
      details.push(detail);
      return { type: 'image' };
    });
    return { role: role === 'developer' ? 'system' : role, content: plain(written) };
  });
  const { max_completion_tokens, max_tokens } = request;
  const param = 'messages';
  checkAsked({ messages, images, param }, limits);
  return {
    messages,
    param,
    images,
    pruning: choosePruning(facts, request.pruning, details),
    maxNewTokens: maxNewTokens(
      max_completion_tokens === undefined ? { max_tokens } : { max_completion_tokens },
      limits,
    ),
    sampling: samplingOf(request),
    stop: stopOf(request),
  };
}
