/** What deploy/ says of the server is so. Manifests are read as YAML; no cluster and no container runs here. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultCacheFolder } from '@transprune/files/node';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { parse } from 'yaml';
import { startServer, type TestServer } from '../testing/server.js';
import { addServeCommand } from './command/serve.js';
import { chooseLimits } from './limits/limits.js';

const home = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(join(home, path), 'utf8');
const manifest = (path: string) => parse(read(`deploy/${path}`));
const manifestOf = JSON.parse(read('package.json'));

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

/** What the server makes of its arguments; it is not started. */
function served(args: readonly string[]) {
  const surroundings = { stdout: process.stdout, env: {}, signal: new AbortController().signal };
  const program = new Command().exitOverride();
  const command = addServeCommand(program, surroundings).action(() => {});
  program.parse([...args], { from: 'user' });
  const options = command.opts();
  return { ...options, limits: chooseLimits(options.limit) } as {
    host: string;
    port: number;
    limits: ReturnType<typeof chooseLimits>;
  };
}

/** Where models are kept in these surroundings. */
function cacheWith(env: Readonly<Record<string, string>>): string {
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  vi.stubEnv('TRANSPRUNE_CACHE', undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  return defaultCacheFolder();
}

/** The exit code of Node with these parameters. */
const exitCodeOf = (parameters: readonly string[]) =>
  new Promise<number>((resolve) => {
    const child = execFile(process.execPath, [...parameters]);
    child.on('exit', (code) => resolve(code ?? -1));
  });

describe('Containerfile', () => {
  const lines = read('deploy/Containerfile').replace(/\\\n/g, ' ').split('\n');
  const instructions = lines.flatMap((line) => {
    const [, name, rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    return name ? [{ name, rest }] : [];
  });
  const last = (name: string) => instructions.findLast((each) => each.name === name)?.rest ?? '';

  test('builds and takes along what there is', () => {
    const runs = instructions.filter(({ name }) => name === 'RUN').map(({ rest }) => rest);
    const root = JSON.parse(read('../../package.json'));
    expect(root.scripts).toHaveProperty('build');
    expect(root.devDependencies).toHaveProperty('pnpm');
    const filters = runs.flatMap((run) => run.match(/(?<=--filter[= ])\S+/g) ?? []);
    expect(filters).toEqual([manifestOf.name, manifestOf.name]);
    const required = createRequire(join(home, '../../packages/backend-node/package.json'));
    const binaries = join(
      dirname(required.resolve('onnxruntime-node/package.json')),
      'bin/napi-v6',
    );
    expect(runs.at(-1)).toContain('/onnxruntime-node/bin/napi-v6/');
    expect(readdirSync(join(binaries, 'linux'))).toEqual(expect.arrayContaining(['arm64', 'x64']));
  });

  test('runs the program, and not as root', () => {
    const [node, program = ''] = JSON.parse(last('ENTRYPOINT'));
    expect(node).toBe('node');
    const path = program.replace(/^\/app\//, '');
    expect(Object.values(manifestOf.bin)).toEqual([`./${path}`]);
    expect(manifestOf.files).toContain(path.split('/')[0]);
    expect(last('COPY')).toBe('--from=build /app /app');
    expect(served(JSON.parse(last('CMD')))).toMatchObject({
      host: '0.0.0.0',
      port: Number(last('EXPOSE')),
    });
    expect(Number(last('USER').split(':')[0])).toBeGreaterThan(0);
    const [, folder = ''] = /(\S+)=\/tmp\//.exec(last('ENV')) ?? [];
    expect(cacheWith({ [folder]: '/tmp/models' })).toBe('/tmp/models');
  });

  test('is on a Node that the package takes', () => {
    expect(last('ARG')).toMatch(/^NODE=(2[02468]|3\d)$/);
    expect(manifestOf.engines.node).toBe('>=20.19');
  });

  test('its health check asks the server', async () => {
    const [, text = ''] = /CMD +(\[.*\])/.exec(last('HEALTHCHECK')) ?? [];
    const [program, ...parameters] = JSON.parse(text) as string[];
    expect(program).toBe('node');
    const standing = `127.0.0.1:${last('EXPOSE')}`;
    expect(parameters.join(' ')).toContain(standing);
    const at = (address: string) => parameters.map((word) => word.replace(standing, address));
    expect(await exitCodeOf(at(new URL(server.url).host))).toBe(0);
    expect(await exitCodeOf(at('127.0.0.1:9'))).toBe(1);
  });

  test('what is left out of the image is not needed there', () => {
    const ignored = read('deploy/Containerfile.dockerignore').split('\n').filter(Boolean);
    expect(ignored).toContain('**/node_modules');
    for (const path of ignored) expect(['packages', 'apps', 'scripts']).not.toContain(path);
  });
});

describe('Kubernetes', () => {
  const folder = 'kubernetes';
  const deployment = manifest(`${folder}/deployment.yaml`);
  const pod = deployment.spec.template;
  const [container] = pod.spec.containers;
  const options = served(container.args);

  test('all manifests are applied, and have kinds', () => {
    const { resources, images } = manifest(`${folder}/kustomization.yaml`);
    const others = ['kustomization.yaml', 'prometheus-adapter.yaml'];
    expect([...resources, ...others].sort()).toEqual(
      readdirSync(join(home, 'deploy', folder)).sort(),
    );
    const kinds = resources.map((name: string) => manifest(`${folder}/${name}`).kind);
    expect(images.map(({ name }: { name: string }) => name)).toEqual([container.image]);
    expect(kinds).toEqual([
      'Deployment',
      'Service',
      'HorizontalPodAutoscaler',
      'PodDisruptionBudget',
    ]);
  });

  test('the ports are the one that the server listens at', () => {
    const [{ name, containerPort }] = container.ports;
    expect(containerPort).toBe(options.port);
    expect(options.host).toBe('0.0.0.0');
    expect(pod.metadata.annotations['prometheus.io/port']).toBe(`${options.port}`);
    const [port] = manifest(`${folder}/service.yaml`).spec.ports;
    expect(port.targetPort).toBe(name);
    for (const probe of probes(container)) expect(probe.port).toBe(name);
  });

  test('the paths are answered', async () => {
    const asked = [
      ...probes(container).map(({ path }) => path),
      pod.metadata.annotations['prometheus.io/path'],
    ];
    expect(asked).toEqual(['/health', '/health', '/ready', '/metrics']);
    for (const path of asked) expect((await fetch(server.url + path)).status).toBe(200);
  });

  test('all mean the same pods', () => {
    const { labels } = pod.metadata;
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(manifest(`${folder}/service.yaml`).spec.selector).toEqual(labels);
    expect(manifest(`${folder}/disruptions.yaml`).spec.selector.matchLabels).toEqual(labels);
    const { kind, name } = manifest(`${folder}/autoscaler.yaml`).spec.scaleTargetRef;
    expect({ kind, name }).toEqual({ kind: deployment.kind, name: deployment.metadata.name });
  });

  test('a pod has the time to end its answers', () => {
    const [, pause] = container.lifecycle.preStop.exec.command;
    const most = Number(pause) + options.limits.shutdownMs / 1000;
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(most + 2);
  });

  test('it scales on a figure that the server gives', async () => {
    const [{ pods }] = manifest(`${folder}/autoscaler.yaml`).spec.metrics;
    const [rule] = manifest(`${folder}/prometheus-adapter.yaml`).rules.custom;
    const [, series = ''] = /__name__="(.+?)"/.exec(rule.seriesQuery) ?? [];
    const figures = await (await fetch(`${server.url}/metrics`)).text();
    expect(figures).toContain(`# TYPE ${series} gauge\n`);
    const { matches, as } = rule.name;
    expect(series.replace(new RegExp(matches), as)).toBe(pods.metric.name);
    // Before clients get 429.
    expect(Number(pods.target.averageValue)).toBeLessThan(options.limits.waiting);
  });

  test("writes only where it may, and its environment is the server's", () => {
    const { securityContext, env, volumeMounts } = container;
    expect(securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
    });
    expect(pod.spec.securityContext).toMatchObject({ runAsNonRoot: true });
    const names = env.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['TRANSPRUNE_API_KEYS', 'TRANSPRUNE_CACHE']);
    expect(read('src/command/serve.ts')).toContain('env.TRANSPRUNE_API_KEYS');
    const cache = cacheWith({ [env[1].name]: env[1].value });
    expect(cache).toMatch(new RegExp(`^${volumeMounts[0].mountPath}/`));
  });
});

test('KServe: ports, paths and numbers are those of the server', () => {
  const { spec } = manifest('kserve/inference-service.yaml');
  const [container] = spec.predictor.containers;
  const { port, limits } = served(container.args);
  expect(container.ports[0].containerPort).toBe(port);
  expect(probes(container)).toEqual([
    { path: '/health', port },
    { path: '/ready', port },
  ]);
  expect(spec.predictor.scaleTarget).toBe(limits.active);
  expect(spec.predictor.containerConcurrency).toBe(limits.active + limits.waiting);
  expect(spec.predictor.timeout).toBe(limits.totalMs / 1000);
});

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string | number };
}

function probes(container: Readonly<Record<string, Probe>>) {
  const { startupProbe, livenessProbe, readinessProbe } = container;
  return [startupProbe, livenessProbe, readinessProbe].flatMap((probe) =>
    probe ? [probe.httpGet] : [],
  );
}
