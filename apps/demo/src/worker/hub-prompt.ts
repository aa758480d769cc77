/** A picture and a question as a model of the hub takes them. */
import {
  Lfm2VlProcessor,
  LlavaProcessor,
  PaliGemmaProcessor,
  PixtralProcessor,
  type Processor,
  type RawImage,
} from '@huggingface/transformers';

/** Processors whose first argument is the picture; the others begin with the text. */
const pictureFirst = [Lfm2VlProcessor, LlavaProcessor, PaliGemmaProcessor, PixtralProcessor];

/** By the model's own chat template, or plainly where it has none. */
export async function processed(
  processor: Processor,
  image: RawImage,
  question: string,
): Promise<Record<string, unknown>> {
  const prompt = promptOf(processor, question);
  const call = processor as unknown as (...parts: unknown[]) => Promise<Record<string, unknown>>;
  const isFirst = pictureFirst.some((Kind) => processor instanceof Kind);
  return isFirst ? call(image, prompt) : call(prompt, [image]);
}

function promptOf(processor: Processor, question: string): string {
  const content = [{ type: 'image' }, { type: 'text', text: question }];
  const hasTemplate = processor.chat_template ?? processor.tokenizer?.chat_template;
  return hasTemplate
    ? String(
        processor.apply_chat_template([{ role: 'user', content }] as never, {
          add_generation_prompt: true,
          tokenize: false,
        }),
      )
    : `<image>${question}`;
}
