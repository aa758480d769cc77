/** Counters and times for Prometheus, named as vLLM names them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { AnswerEnd } from '../api/answer.js';

export interface Metrics {
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(): Promise<string>;
  /** Counts a request, by the status that its client saw. */
  requested(status: number): void;
  /** Counts an answer that came to its end. */
  answered(end: AnswerEnd): void;
  /** Notes the time between two tokens. */
  token(seconds: number): void;
}

const prefix = 'transprune:';

const seconds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** @param load how many requests are computed, and how many wait */
export function createMetrics(load: {
  readonly running: number;
  readonly waiting: number;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: prefix + name, help, labelNames, registers });
  const histogram = (name: string, help: string) =>
    new Histogram({ name: prefix + name, help, buckets: seconds, registers });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name: prefix + name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });

  gauge('num_requests_running', 'Requests that are computed.', () => load.running);
  gauge('num_requests_waiting', 'Requests that wait for a place.', () => load.waiting);
  const requests = counter('requests_total', 'Requests for answers, by status.', ['status']);
  const firstToken = histogram('time_to_first_token_seconds', 'From a request to its first token.');
  const betweenTokens = histogram('inter_token_latency_seconds', 'From a token to the next.');
  const whole = histogram(
    'e2e_request_latency_seconds',
    'From a request to the end of its answer.',
  );
  const queued = histogram('request_queue_time_seconds', 'Waiting for an engine.');
  const prefill = histogram('request_prefill_time_seconds', 'The decoder reading a prompt.');
  const promptTokens = counter('prompt_tokens_total', 'Tokens of prompts, images included.');
  const generated = counter('generation_tokens_total', 'Tokens of answers.');
  const imagesIn = counter('image_tokens_total', 'Image tokens of prompts.');
  const imagesKept = counter('image_tokens_kept_total', 'Those left after the last prune.');
  const saved = counter('saved_flops_total', 'Floating point operations that pruning saved.');
  const cached = counter(
    'vision_cache_hits_total',
    'Prompts whose images had been encoded before.',
  );
  const asked = counter('vision_cache_queries_total', 'Prompts with images.');

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    requested: (status) => requests.inc({ status: String(status) }),
    token: (time) => betweenTokens.observe(time),
    answered({ usage, timings, visionCached, savedFlops }) {
      firstToken.observe(timings.timeToFirstTokenMs / 1000);
      whole.observe(timings.totalMs / 1000);
      queued.observe(timings.queueMs / 1000);
      prefill.observe(timings.prefillMs / 1000);
      promptTokens.inc(usage.promptTokens);
      generated.inc(usage.completionTokens);
      imagesIn.inc(usage.imageTokens);
      imagesKept.inc(usage.keptImageTokens.at(-1) ?? usage.imageTokens);
      saved.inc(savedFlops);
      if (usage.imageTokens > 0) asked.inc();
      if (visionCached) cached.inc();
    },
  };
}
