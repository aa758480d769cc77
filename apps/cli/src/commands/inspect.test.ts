import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportedDecoder } from '@transprune/fixtures';
import { decodeModel, encodeModel } from '@transprune/onnx';
import { describe, expect, test } from 'vitest';
import { alteredDecoder, dataName, officialDecoder } from '../../testing/models.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

/** What a decoder is drawn as, after the table; how many nodes the pass adds is its own matter. */
async function drawing(path: string, ...options: readonly string[]): Promise<string> {
  const { stdout, stderr } = await transprune('inspect', path, ...options);
  expect(stderr).toBe('');
  const [, drawn = ''] = /┘\n(.*)/s.exec(stdout) ?? [];
  const added = /(select: |rebase: |nodes, )\d+|\d+(?= added)/g;
  return drawn.trimEnd().replace(added, (found) => found.replace(/\d+/, 'n'));
}

test('a decoder that can be pruned', async () => {
  const document = await transpruneJson('inspect', officialDecoder);
  expect(document).toMatchObject({
    path: officialDecoder,
    prunable: true,
    cacheModes: ['growing', 'fixed'],
    reason: null,
    refusal: null,
    layers: 14,
    hiddenSize: 64,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    intermediateSize: 172,
    vocabularySize: 128,
    attentionFamily: 'group-query-attention',
    exporterFamily: 'onnxruntime-genai',
    externalData: [dataName],
    plan: null,
    decoders: [{ layerGroups: [{ rotary: 'inside', rotated: 16 }] }],
    trial: { plan: { method: 'transprune' } },
  });
  expect(document.decoders[0].stages).toHaveLength(3);
  const { stdout } = await transprune('inspect', officialDecoder);
  expect(stdout).toMatch(/prunable .* yes /);
  expect(stdout).toMatch(/caches .* growing or fixed /);
});

describe('drawings', () => {
  test('one attention node, rotary inside, packed projections', async () => {
    expect(await drawing(officialDecoder)).toMatchInlineSnapshot(`
      "Inputs
        attention_mask: int64 [batch_size, total_sequence_length]
        inputs_embeds: float32 [batch_size, sequence_length, 64]
        past_key_values.{0-13}.key: float32 [batch_size, 4, past_sequence_length, kv_cache_dim]
        past_key_values.{0-13}.value: float32 [batch_size, 4, past_sequence_length, kv_cache_dim]
      Outputs
        logits: float32 [batch_size, sequence_length, 128]
        present.{0-13}.key: float32 [batch_size, 4, total_sequence_length, kv_cache_dim]
        present.{0-13}.value: float32 [batch_size, 4, total_sequence_length, kv_cache_dim]
      Pruned for a trial
        transprune, token transition of layers 3-5, direction 1-cos, positions renumber
      Weights
        float32
      Layers 1-14
        attention: group-query-attention (GroupQueryAttention), 4 heads x 16
        projections: 1 matrix, MatMul
        rotary embedding: inside the node
        norms: attention SimplifiedLayerNormalization; MLP SimplifiedLayerNormalization
      Derived values
        mask or lengths: 1 value by 3 nodes, read by layers 1-14; of attention_mask
        mask or lengths: 1 value by 3 nodes, read by layers 1-14; of the shape of attention_mask
      Prune after layer 3, keeping 0.875 of the image tokens
        score and select: n nodes
        gather: stream, projection, norm
        rebase: n nodes cloned, n added, at the shapes of past_key_values.3.key, the stream that is left
      Prune after layer 4, keeping 0.625 of the image tokens
        score and select: n nodes
        gather: stream, projection, norm
        rebase: n nodes cloned, n added, at the shapes of past_key_values.4.key, the stream that is left
      Prune after layer 5, keeping 0.125 of the image tokens
        score and select: n nodes
        gather: stream, projection
        rebase: n nodes cloned, n added, at the shapes of past_key_values.5.key, the stream that is left"
    `);
  });

  test('llama, TorchScript', async () => {
    const { path } = exportedDecoder('llama', 'torchscript-17');
    expect(await drawing(path)).toMatchInlineSnapshot(`
      "Inputs
        inputs_embeds: float32 [batch_size, sequence_length, 32]
        attention_mask: int64 [batch_size, total_sequence_length]
        position_ids: int64 [batch_size, sequence_length]
        past_key_values.{0-5}.key: float32 [batch_size, 2, past_sequence_length, 16]
        past_key_values.{0-5}.value: float32 [batch_size, 2, past_sequence_length, 16]
      Outputs
        logits: float32 [batch_size, sequence_length, 64]
        present.{0-5}.key: float32 [batch_size, 2, total_sequence_length, 16]
        present.{0-5}.value: float32 [batch_size, 2, total_sequence_length, 16]
      Pruned for a trial
        transprune, token transition of layers 1-3, direction 1-cos, positions renumber
      Weights
        float32
      Layers 1-6
        attention: spelled-out (MatMul), 4 heads x 16, 2 key-value heads
        projections: 3 matrices, MatMul
        rotary embedding: spelled out
        norms: attention spelled out; MLP spelled out
      Derived values
        mask or lengths: 6 values by 57 nodes, read by layers 1-6; of attention_mask, the shapes of inputs_embeds, past_key_values.0.key
        angles: 2 values by 25 nodes, read by layers 1-6; of position_ids
        sizes: 72 values by 480 nodes, read by layers 1-6; of the shape of the layer's own values
      Prune after layer 1, keeping 0.875 of the image tokens
        score and select: n nodes, n of them copies of layer 2 and what it reads
        gather: stream, 3 projections, norm
        rebase: n nodes cloned, n added, at the shapes of past_key_values.1.key, the stream that is left
      Prune after layer 2, keeping 0.625 of the image tokens
        score and select: n nodes, n of them copies of layer 3 and what it reads
        gather: stream, 3 projections, norm
        rebase: n nodes cloned, n added, at the shapes of past_key_values.2.key, the stream that is left
      Prune after layer 3, keeping 0.125 of the image tokens
        score and select: n nodes, n of them copies of layer 4 and what it reads
        gather: stream, 3 projections
        rebase: n nodes cloned, n added, at the shapes of past_key_values.3.key, the stream that is left"
    `);
  });

  test('gemma 2, torch.export: norms on both sides, every other layer with a window', async () => {
    const { path } = exportedDecoder('gemma2', 'dynamo-18');
    const options = ['--prune-after', '2', '--keep', '.5'];
    expect(await drawing(path, ...options)).toMatchInlineSnapshot(`
      "Inputs
        inputs_embeds: float32 [batch_size, sequence_length, 32]
        attention_mask: int64 [batch_size, total_sequence_length]
        position_ids: int64 [batch_size, sequence_length]
        past_key_values.{0-5}.key: float32 [batch_size, 2, past_sequence_length, 16]
        past_key_values.{0-5}.value: float32 [batch_size, 2, past_sequence_length, 16]
      Outputs
        logits: float32 [batch_size, sequence_length, 64]
        present.{0-5}.key: float32 [batch_size, 2, sequence_length + past_sequence_length, 16]
        present.{0-5}.value: float32 [batch_size, 2, sequence_length + past_sequence_length, 16]
      Pruned for a trial
        transprune, token transition of layer 2, direction 1-cos, positions renumber
      Weights
        float32
      Layers 1, 3, 5
        attention: spelled-out (MatMul), 4 heads x 16, 2 key-value heads, window of 16 tokens, soft cap
        projections: 3 matrices, MatMul
        rotary embedding: spelled out
        norms: attention spelled out; after attention spelled out; MLP spelled out; after MLP spelled out
      Layers 2, 4, 6
        attention: spelled-out (MatMul), 4 heads x 16, 2 key-value heads, soft cap
        projections: 3 matrices, MatMul
        rotary embedding: spelled out
        norms: attention spelled out; after attention spelled out; MLP spelled out; after MLP spelled out
      Derived values
        mask or lengths: 1 value by 37 nodes, read by layers 1, 3, 5; of attention_mask, the shapes of inputs_embeds, past_key_values.0.key, past_key_values.1.value
        mask or lengths: 1 value by 33 nodes, read by layers 2, 4, 6; of attention_mask, the shapes of inputs_embeds, past_key_values.0.key, past_key_values.1.value
        angles: 2 values by 12 nodes, read by layers 1-6; of position_ids, the shape of past_key_values.1.value
        sizes: 26 values by 77 nodes, read by layers 1-6; of the shapes of inputs_embeds, past_key_values.0.key, past_key_values.1.value, the layer's own cache
      Prune after layer 2, keeping 0.5 of the image tokens
        score and select: n nodes, n of them copies of layer 3 and what it reads
        gather: stream, 3 projections
        rebase: n nodes cloned, n added, at the shapes of past_key_values.2.key, past_key_values.2.value, the stream that is left"
    `);
  });

  test('qwen2.5-vl, opset 23: biases, positions in three rows', async () => {
    const { path } = exportedDecoder('qwen2.5-vl', 'dynamo-23');
    const options = ['--prune-after', '2', '--keep', '.5'];
    expect(await drawing(path, ...options)).toMatchInlineSnapshot(`
      "Inputs
        inputs_embeds: float32 [batch_size, sequence_length, 32]
        attention_mask: int64 [batch_size, total_sequence_length]
        position_ids: int64 [3, batch_size, sequence_length]
        past_key_values.{0-5}.key: float32 [batch_size, 2, past_sequence_length, 8]
        past_key_values.{0-5}.value: float32 [batch_size, 2, past_sequence_length, 8]
      Outputs
        logits: float32 [batch_size, sequence_length, 64]
        present.{0-5}.key: float32 [batch_size, 2, sequence_length + past_sequence_length, 8]
        present.{0-5}.value: float32 [batch_size, 2, sequence_length + past_sequence_length, 8]
      Pruned for a trial
        transprune, token transition of layer 2, direction 1-cos, positions keep
      Weights
        float32
      Layers 1-6
        attention: standard-attention (Attention), 4 heads x 8, 2 key-value heads
        projections: 3 matrices, MatMul, with biases
        rotary embedding: spelled out
        norms: attention RMSNormalization; MLP RMSNormalization
      Derived values
        mask or lengths: 1 value by 32 nodes, read by layers 1-6; of attention_mask, the shapes of past_key_values.0.key, past_key_values.1.value, position_ids
        angles: 2 values by 23 nodes, read by layers 1-6; of position_ids, the shape of past_key_values.1.value
        sizes: 26 values by 77 nodes, read by layers 1-6; of the shapes of past_key_values.0.key, past_key_values.1.value, position_ids, the layer's own cache
      Prune after layer 2, keeping 0.5 of the image tokens
        score and select: n nodes, n of them copies of layer 3 and what it reads
        gather: stream, 3 projections, 2 angles
        rebase: n nodes cloned, n added, at the shapes of past_key_values.2.key, past_key_values.2.value, the stream that is left"
    `);
  });

  test('llama, 4-bit weights', async () => {
    const { path } = exportedDecoder('llama', 'dynamo-18-int4');
    const options = ['--method', 'random', '--prune-after', '2', '--keep', '.5'];
    expect(await drawing(path, ...options)).toMatchInlineSnapshot(`
      "Inputs
        inputs_embeds: float32 [batch_size, sequence_length, 32]
        attention_mask: int64 [batch_size, total_sequence_length]
        position_ids: int64 [batch_size, sequence_length]
        past_key_values.{0-5}.key: float32 [batch_size, 2, past_sequence_length, 16]
        past_key_values.{0-5}.value: float32 [batch_size, 2, past_sequence_length, 16]
      Outputs
        logits: float32 [batch_size, sequence_length, 64]
        present.{0-5}.key: float32 [batch_size, 2, sequence_length + past_sequence_length, 16]
        present.{0-5}.value: float32 [batch_size, 2, sequence_length + past_sequence_length, 16]
      Pruned for a trial
        random, positions renumber
      Weights
        float32, uint8
      Layers 1-6
        attention: spelled-out (MatMul), 4 heads x 16, 2 key-value heads
        projections: 3 matrices, MatMulNBits
        rotary embedding: spelled out
        norms: attention spelled out; MLP spelled out
      Derived values
        mask or lengths: 1 value by 33 nodes, read by layers 1-6; of attention_mask, the shapes of inputs_embeds, past_key_values.0.key, past_key_values.1.value
        angles: 2 values by 12 nodes, read by layers 1-6; of position_ids, the shape of past_key_values.1.value
        sizes: 38 values by 113 nodes, read by layers 1-6; of the shapes of inputs_embeds, past_key_values.0.key, past_key_values.1.value, the layer's own cache, the layer's own values
      Prune after layer 2, keeping 0.5 of the image tokens
        score and select: n nodes
        gather: stream, norm
        rebase: n nodes cloned, n added, at the shapes of past_key_values.2.key, past_key_values.2.value, the stream that is left"
    `);
  });
});

describe('a model that cannot be pruned is described all the same', () => {
  test('one without a cache', async () => {
    const path = await alteredDecoder(await temporaryFolder(), ({ graph }) => {
      if (!graph) return;
      graph.input = graph.input.filter(({ name }) => !name.startsWith('past_'));
      graph.output = graph.output.filter(({ name }) => name === 'logits');
    });
    const document = await transpruneJson('inspect', path);
    expect(document).toMatchObject({
      prunable: false,
      cacheModes: [],
      layers: null,
      hiddenSize: 64,
    });
    expect(document.reason).toMatch(/past_key_values/);
    expect(document).toMatchObject({ trial: null, refusal: { where: 'outputs', node: null } });
    const { exitCode, stdout } = await transprune('inspect', path);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toContain(`Not prunable: ${document.reason}`);
  });

  test('one that is understood up to a layer is drawn up to there', async () => {
    const path = await alteredDecoder(await temporaryFolder(), ({ graph }) => {
      const attention = graph?.node.filter(({ opType }) => opType === 'GroupQueryAttention')[5];
      if (attention) attention.opType = 'PagedAttention';
    });
    expect(await transpruneJson('inspect', path)).toMatchObject({
      refusal: { where: 'layer 6', found: 'PagedAttention', operator: 'PagedAttention' },
      trial: null,
    });
    const drawn = await drawing(path);
    expect(drawn).toContain('Layers 1-5\n  attention: group-query-attention');
    expect(drawn).toContain('Layers 6-14\n  not read');
    expect(drawn).toMatch(/Not prunable: layer 6: expected present.5.key to come from .*Paged/);
  });

  test('one that is pruned already', async () => {
    const path = join(await temporaryFolder(), 'pruned.onnx');
    await transprune('prune', officialDecoder, '-o', path);
    const document = await transpruneJson('inspect', path);
    expect(document).toMatchObject({ prunable: false, plan: { method: 'transprune' } });
    expect(document.reason).toMatch(/pruned already/);
    // What is known, and why no more: first of all.
    expect(document).toMatchObject({ heads: 4, headDim: 16, vocabularySize: null });
    const { stdout } = await transprune('inspect', path);
    const [, second, third] = stdout.split('\n');
    expect(second).toMatch(
      /^Pruned already, by transprune, token transition of layers 3-5, .*; layers after the first prune are not read/,
    );
    expect(third).toBe('  after layer 3, keeping 0.875 of the image tokens');
    expect(stdout).toMatch(/attention family .* group-query-attention /);
    expect(stdout).not.toMatch(/unknown|not understood|Not prunable/);
  });

  test('one that is pruned by a method that is not known here', async () => {
    const path = join(await temporaryFolder(), 'pruned.onnx');
    await transprune('prune', officialDecoder, '-o', path, '--method', 'random', '--no-check');
    const model = decodeModel(await readFile(path));
    for (const entry of model.metadataProps) {
      entry.value = entry.value.replace('"random"', '"own-method"');
    }
    await writeFile(path, encodeModel(model));
    const { stdout } = await transprune('inspect', path);
    expect(stdout).toContain('\nPruned already, by own-method, positions renumber;');
  });
});

test('a plan that does not fit the decoder', async () => {
  const options = ['--prune-after', '14', '--keep', '.5'];
  const { exitCode, stderr } = await transprune('inspect', officialDecoder, ...options);
  expect(exitCode).toBe(exitCodes.usage);
  expect(stderr).toMatch(/prune layers must be whole numbers from 1 to 13/);
});

test('a file that is not there', async () => {
  const { exitCode, stderr } = await transprune('inspect', '/nowhere/model.onnx');
  expect(exitCode).toBe(exitCodes.notFound);
  expect(stderr).toBe(
    'error: expected a decoder: an .onnx file, a model folder, or an id on the hub such as owner/name; got /nowhere/model.onnx, and nothing is there\n',
  );
});
