/** One request, from the queue to its last event; whatever belongs to it is owned here. */
import { numberImages, TransPruneError } from '@transprune/core';
import { type DecoderPorts, DecoderSession, type Session, takeAll } from '@transprune/session';
import type { Frontend, Penalties, ReadPrompt } from '../frontend.js';
import { AnswerText } from './answer-text.js';
import { type Conversation, idsOnTop, textAfterAnswer } from './conversation.js';
import type { EngineEvent, FinishReason } from './events.js';
import { logitsOfLastTokens } from './logits.js';
import { checkPromptLength } from './options.js';
import { Report } from './report.js';
import { type ChatTurn, defaultMaxNewTokens, type EngineRequest, messagesOf } from './request.js';
import { createSampler, type Sampler } from './sampler.js';
import { stageEvents } from './stages.js';
import { EventStream } from './stream.js';
import type { CachedSession } from './vision-cache.js';

/** What all requests share. Nothing here changes from request to request. */
export interface Model {
  readonly frontend: Frontend;
  readonly decoder: Session;
  readonly ports: DecoderPorts;
  /** Outputs of the decoder that tell what was pruned. */
  readonly trace: readonly string[];
  /** Counts the prompts whose images had been encoded before. */
  readonly visionCache?: Pick<CachedSession, 'hits'> | undefined;
}

export class Task {
  readonly events: EventStream<EngineEvent>;
  /** Settles when everything is freed. */
  readonly done: Promise<void>;
  readonly conversation: Conversation | undefined;
  /** Its caches, while they are not rows of a batch. */
  decoder: DecoderSession | undefined;
  /** What each prune keeps, where the decoder lets one choose. */
  keepRatios: readonly number[] | undefined;
  /** Positions that its next step leaves out. */
  gap = 0;
  /** True if nobody wants the rest. */
  isAborted = false;
  private readonly model: Model;
  private readonly request: EngineRequest;
  private readonly report: Report;
  private readonly text: AnswerText;
  private readonly sample: Sampler;
  private readonly ids: number[] = [];
  private prompt: ReadPrompt | undefined;
  private penalties: Penalties | undefined;
  private settle: () => void = () => {};
  private isOver = false;
  /** True once it has a place; a turn then has its conversation to itself. */
  private isAdmitted = false;

  /**
   * @param conversation what it is a turn of
   * @param onLeave is called when nobody reads the events any more
   */
  constructor(
    model: Model,
    request: EngineRequest,
    conversation: Conversation | undefined,
    onLeave: (task: Task) => void,
  ) {
    this.model = model;
    this.request = request;
    this.conversation = conversation;
    this.report = new Report(model.ports, model.frontend.imageTokenId);
    this.sample = createSampler(request.sampling);
    this.text = new AnswerText((ids) => model.frontend.textOf(ids), request.stop);
    this.done = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.events = new EventStream(() => {
      onLeave(this);
      return this.done;
    });
  }

  get isDone(): boolean {
    return this.isOver;
  }

  /** The token that goes through the decoder next. */
  get lastToken(): number {
    return this.ids.at(-1) ?? 0;
  }

  /** Gives it a place. */
  admit(): void {
    this.isAdmitted = true;
    if (this.conversation) this.conversation.isBusy = true;
  }

  /** Reads images and prompt; no session runs. */
  async open(): Promise<void> {
    this.report.opened();
    const { frontend } = this.model;
    const { request, conversation } = this;
    const images = request.images ?? [];
    const past = conversation?.past;
    const messages = conversation
      ? conversation.messages(request as ChatTurn)
      : messagesOf(request, images.length);
    const text = past
      ? textAfterAnswer(frontend, messages ?? [])
      : messages
        ? frontend.render(messages)
        : (request as { readonly prompt: string }).prompt;
    const read = await frontend.read(text, images, { goesOn: past !== undefined });
    if (this.isOver) return;
    checkPromptLength(read.ids.length, request.maxPromptTokens);
    this.prompt = past ? { ...read, ids: idsOnTop(read.ids, past) } : read;
    this.checkLength();
    this.report.read(this.prompt);
  }

  /**
   * Runs the prompt and chooses the first token.
   *
   * @returns why the answer ends already
   */
  async prefill(): Promise<FinishReason | undefined> {
    const { prompt, model } = this;
    if (!prompt) throw new Error('expected a prompt that was read');
    this.report.started();
    const { frontend, decoder: session, ports, trace, visionCache } = model;
    const hitsBefore = visionCache?.hits ?? 0;
    const embedded = await frontend.embedPrompt(prompt, ports);
    // Prompts are embedded one at a time, so that a hit in between is this one's.
    const visionCached = (visionCache?.hits ?? 0) > hitsBefore;
    if (this.isAborted) return 'aborted';
    // Pixels are of no more use.
    this.prompt = { ...prompt, imageInputs: {} };
    const past = this.conversation?.past;
    const [first = 0] = past ? (embedded.positions ?? []) : [];
    const images = numberImages(prompt.ids, frontend.imageTokenId, embedded.tokensPerImage);
    const decoder =
      past?.decoder.fork() ?? new DecoderSession(session, { cacheSizes: frontend.cacheSizes });
    this.decoder = decoder;
    // A conversation is counted as the one prompt that it could have been.
    if (!this.conversation) this.gap = embedded.gap;
    const { cacheLengths } = decoder;
    const named = this.request.outputs ?? [];
    const before = performance.now();
    const { logits, outputs } = await decoder.prefill({
      embeddings: embedded.embeddings,
      others: embedded.others,
      positions: embedded.positions?.map((position) => position - first),
      images,
      keepRatios: this.keepRatios,
      logitsToKeep: 1,
      fetch: [...trace, ...named],
    });
    // A graphics card has done its work when the logits are here.
    const [row] = await logitsOfLastTokens(logits);
    const prefillMs = performance.now() - before;
    const taken = await takeAll(outputs);
    const stages = stageEvents(taken, images);
    const vision = { visionMs: embedded.visionMs, visionCached };
    this.report.prefilled({ decoder, cacheLengths, images, stages, ...vision, prefillMs });
    for (const stage of stages) this.events.push(stage);
    if (named.length > 0) {
      const asked = Object.entries(taken).filter(([name]) => named.includes(name));
      const tensors = Object.fromEntries(asked);
      this.events.push({ type: 'outputs', tensors });
    }
    const limit = this.request.maxNewTokens ?? defaultMaxNewTokens;
    this.penalties = frontend.penalties(this.context().length, limit);
    return this.isAborted ? 'aborted' : this.accept(row ?? new Float32Array(0));
  }

  /** Notes a step that ran the last token through the decoder. */
  stepped(ms: number): void {
    this.gap = 0;
    this.report.stepped(ms);
  }

  /**
   * Chooses the next token.
   *
   * @param logits of all tokens
   * @returns why the answer ends with it
   */
  accept(logits: Float32Array): FinishReason | undefined {
    this.penalties?.([...this.context(), ...this.ids], logits);
    const id = this.sample(logits);
    this.ids.push(id);
    this.report.chosen();
    const isEnd = this.model.frontend.endTokens.has(id);
    const { text, stopped } = isEnd ? { text: '', stopped: false } : this.text.add(id);
    const limit = this.request.maxNewTokens ?? defaultMaxNewTokens;
    const isFull = this.ids.length >= limit || this.length >= this.maxTokens;
    const reason = isEnd || stopped ? 'stop' : isFull ? 'length' : undefined;
    const rest = reason && !stopped ? this.text.flush() : '';
    this.events.push({ type: 'token', id, text: text + rest });
    return reason;
  }

  /** Ends the events, and leaves the caches to the conversation or frees them. */
  finish(reason: FinishReason): void {
    if (this.isOver) return;
    this.isOver = true;
    if (reason === 'aborted') this.text.flush();
    else this.keepConversation();
    this.free();
    this.events.push(this.report.finish(reason, this.text.text));
    this.events.end();
    this.settle();
  }

  /** Ends the events with an error, and frees everything. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.free();
    this.events.fail(error);
    this.settle();
  }

  private get maxTokens(): number {
    return this.model.frontend.maxTokens ?? Number.POSITIVE_INFINITY;
  }

  /** Tokens of all turns so far, the answer's too. */
  private get length(): number {
    return this.context().length + this.ids.length;
  }

  /** @throws TransPruneError INVALID_ARGUMENT for a prompt that leaves no room for an answer */
  private checkLength(): void {
    const { length, maxTokens, conversation } = this;
    if (length < maxTokens) return;
    const remedy = conversation?.past ? 'start another conversation' : 'ask about fewer images';
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a prompt of under ${maxTokens} tokens, which this model has positions for, got ${length}, image tokens and earlier turns included; shorten it, or ${remedy}`,
      { maxTokens, tokens: length },
    );
  }

  /** Tokens before the answer. */
  private context(): readonly number[] {
    const before = this.conversation?.past?.ids.slice(0, -1) ?? [];
    return [...before, ...(this.prompt?.ids ?? [])];
  }

  private keepConversation(): void {
    const { conversation, decoder } = this;
    if (!conversation || !decoder) return;
    this.decoder = undefined;
    conversation.keep({
      messages: [
        ...conversation.messages(this.request as ChatTurn),
        { role: 'assistant', content: this.text.text.trim() },
      ],
      ids: [...this.context(), ...this.ids],
      isClosed: this.model.frontend.endTokens.has(this.lastToken),
      decoder,
    });
  }

  private free(): void {
    this.decoder?.dispose();
    this.decoder = undefined;
    this.prompt = undefined;
    if (this.conversation && this.isAdmitted) this.conversation.isBusy = false;
  }
}
