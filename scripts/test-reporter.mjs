// What `npm test` prints: a line for each file that has run, errors in full, then each failed test with the
// first line of its error, and as the last line how many passed, failed and were skipped.

import { stripVTControlCharacters } from 'node:util';
import { DefaultReporter } from 'vitest/node';

/** Without a line for so long, what runs is named. */
const silence = 30_000;

export default class TestReporter extends DefaultReporter {
  begin = 0;
  files = 0;
  ended = 0;
  running = new Set();
  timer = undefined;

  constructor() {
    super({ summary: false });
  }

  onTestRunStart(specifications) {
    this.begin = performance.now();
    this.files = specifications.length;
    this.timer = setInterval(() => this.nameRunning(), silence).unref();
  }

  onTestModuleStart(module) {
    this.running.add(module);
  }

  printTestModule(module) {
    this.running.delete(module);
    this.ended += 1;
    const of = String(this.files);
    const count = `[${String(this.ended).padStart(of.length)}/${of}]`;
    const { passed, failed, skipped } = sum([...module.children.allTests()].map(state));
    const counts = [
      `${passed} passed`,
      ...(failed > 0 ? [`${failed} FAILED`] : []),
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
      ...(failed === 0 && module.state() === 'failed' ? ['FAILED'] : []),
    ];
    const seconds = (module.diagnostic().duration / 1000).toFixed(1);
    this.log(`${count} ${this.clock()}  ${title(module)}  ${counts.join(', ')}, ${seconds} s`);
    this.timer?.refresh();
  }

  nameRunning() {
    const names = [...this.running].map(title);
    if (names.length > 0)
      this.log(`[${this.ended}/${this.files}] ${this.clock()}  running: ${names.join(', ')}`);
  }

  clock() {
    const seconds = Math.floor((performance.now() - this.begin) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }

  onTestRunEnd(modules, unhandledErrors, reason) {
    clearInterval(this.timer);
    if (process.env.NO_COLOR !== undefined) modules.forEach(uncolor);
    super.onTestRunEnd(modules, unhandledErrors, reason);
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const { passed, skipped } = sum(tests.map(state));
    const skippedGroups = tests.filter((test) => state(test) === 'skipped').map(outermost);
    if (skipped > 0) this.log(`${skipped} skipped: ${[...new Set(skippedGroups)].join('; ')}`);

    const failures = modules.flatMap(failuresOf);
    for (const { message } of unhandledErrors) {
      failures.push({ name: 'outside of the tests', error: message });
    }
    // Nothing failed and yet it did not go well, such as where no file was found.
    if (modules.length === 0) failures.push({ name: 'no file has a test that was asked for' });
    if (failures.length > 0) this.log('');
    for (const { name, error } of failures) {
      this.log(`FAILED ${name}${error ? `\n       ${firstLine(error)}` : ''}`);
    }
    const skips = skipped > 0 ? `, ${skipped} skipped` : '';
    this.log(`${passed} passed, ${failures.length} failed${skips}`);
  }

  /** Its counts stand in the last line. */
  reportTestSummary() {}
}

/** Failed tests of a file, and what failed around them: hooks, or the file before its first test. */
function failuresOf(module) {
  const file = title(module);
  const own = (entity, name) => entity.errors().map(({ message }) => ({ name, error: message }));
  const tests = [...module.children.allTests('failed')].map((test) => ({
    name: `${file} > ${test.fullName}`,
    error: test.result().errors[0]?.message,
  }));
  const suites = [...module.children.allSuites()].flatMap((suite) =>
    own(suite, `${file} > ${suite.fullName}`),
  );
  return [...own(module, file), ...suites, ...tests];
}

/** A browser colors what differs, whatever it is written into. */
function uncolor(module) {
  const entities = [module, ...module.children.allSuites()].flatMap((one) => one.errors());
  const tests = [...module.children.allTests('failed')].flatMap((test) => test.result().errors);
  for (const error of [...entities, ...tests]) {
    if (error.diff) error.diff = stripVTControlCharacters(error.diff);
    error.message = stripVTControlCharacters(error.message);
  }
}

/** `core > src/plan/plan.test.ts` */
function title({ project, relativeModuleId }) {
  const path = relativeModuleId.replace(/^(packages|apps)\/[^/]+\//, '');
  return `${project.name.replace('@transprune/', '')} > ${path}`;
}

/** The outermost title of a test that was not run: it says what was missing. */
function outermost(test) {
  let at = test;
  while (at.parent.type === 'suite') at = at.parent;
  return at.name;
}

function state(test) {
  return test.result().state;
}

function sum(states) {
  const count = (wanted) => states.filter((found) => found === wanted).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

function firstLine(text) {
  const [line] = text.trim().split('\n', 1);
  return line.length > 300 ? `${line.slice(0, 300)} ...` : line;
}
