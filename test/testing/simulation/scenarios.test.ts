import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimsTable, pageOf, summary, table } from '../../../simulations/page.js';
import { runOnce } from '../../../simulations/run.js';
import { type Outcome, percentWithin, type Run, type Scenario, type Situation } from '../../../simulations/scenario.js';
import { oneSlowOfEleven } from '../../../simulations/scenarios/one-slow-of-eleven.js';
import { always, at, poisson, type SimulationResult, simulate } from '../../../src/testing/simulation/index.js';

test('with one slow server of eleven, peak EWMA loses fewest requests, round robin most', async () => {
  // A third of the time of the whole experiment, with the same share of it in trouble.
  const { options, contenders } = oneSlowOfEleven.situations[0] as Situation;
  const results = new Map<string, SimulationResult>();
  for (const { name, mesh } of contenders) {
    if (!['round robin', 'least requests of two', 'peak EWMA of two, p2c()'].includes(name)) continue;
    const events = [
      at(5_000, ({ endpoint }) => endpoint('server-1').setServiceMs(always(2_000))),
      at(15_000, ({ endpoint }) => endpoint('server-1').setServiceMs(options.endpoints[0]?.serviceMs ?? 0)),
    ];
    results.set(name, await simulate({ ...options, durationMs: 20_000, arrivals: poisson(1_000), events, mesh }));
  }
  const within = (name: string) => percentWithin(results.get(name) as SimulationResult, 1_000);
  assert.ok(Math.abs(within('round robin') - 95.45) < 0.3, `${within('round robin')}`);
  assert.ok(Math.abs(within('least requests of two') - 99.45) < 0.2, `${within('least requests of two')}`);
  // What it loses, it loses while the first slow answers are still to come: a number, and no share of the time.
  const lost = ((100 - within('peak EWMA of two, p2c()')) * 20_000) / 100;
  assert.ok(lost > 20 && lost < 70, `${lost}`);
});

const situation: Situation = {
  name: '',
  contenders: [
    { name: 'one', mesh: {}, published: { mean: '12' } },
    { name: 'two', mesh: {} },
  ],
  options: { endpoints: [{ name: 'server', count: 2, serviceMs: 10 }], arrivals: poisson(100), durationMs: 3_000, seriesMs: 1_000 },
  troubleMs: [1_000, 2_000],
};

const scenario: Scenario = {
  name: 'small',
  title: 'A < B & C',
  about: 'About it.',
  situations: [situation],
  measures: [{ name: 'mean', decimals: 1, of: ({ latency }) => latency.meanMs }],
};

/** The same at two loads, with something to show. */
const family: Scenario = {
  ...scenario,
  situations: [
    { ...situation, name: 'calm' },
    { ...situation, name: 'busy', options: { ...situation.options, arrivals: poisson(190) }, quickShare: 0.5 },
  ],
  claims: [
    {
      number: '7',
      text: 'it slows down',
      of: (measured) => measured('busy', 'two', 'mean') / measured('calm', 'two', 'mean'),
      atLeast: 1.5,
      decimals: 1,
    },
    { number: '8', text: 'it does not', of: (measured) => measured('busy', 'one', 'mean'), atLeast: 0, atMost: 10, decimals: 1 },
  ],
  drawn: { measure: 'mean' },
};

async function outcomes({ situations, measures }: Scenario = scenario): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for (const each of situations) {
    for (const contender of each.contenders) {
      const runs: Run[] = [];
      for (const seed of [1, 2]) runs.push(await runOnce(measures, each, contender, seed, false));
      all.push({ situation: each, contender, runs });
    }
  }
  return all;
}

test('a table has the mean over the seeds, their extremes, and what was published', async () => {
  const all = await outcomes();
  const [first, second] = all[0]?.runs.map(({ numbers }) => numbers.mean ?? 0) ?? [];
  const [low, high] = [Math.min(first ?? 0, second ?? 0), Math.max(first ?? 0, second ?? 0)];
  const lines = table(scenario, all).split('\n');
  assert.deepEqual(lines.slice(0, 2), ['| policy | mean | published: mean |', '| --- | --: | --: |']);
  assert.equal(lines[2], `| one | ${((low + high) / 2).toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)}) | 12 |`);
  assert.equal(lines.length, 4);
});

test('a page comes with drawings: a line for each contender, a bar for each of its servers, in well-formed SVG', async () => {
  const files = pageOf(scenario, await outcomes());
  assert.deepEqual(Object.keys(files), ['small.md', 'small-latency.svg', 'small-load.svg']);
  const latency = files['small-latency.svg'] ?? '';
  assert.equal(latency.match(/<polyline /g)?.length, 2);
  assert.match(latency, /A &lt; B &amp; C/);
  const [, points = ''] = /<polyline [^>]*points="([^"]*)"/.exec(latency) ?? [];
  assert.equal(points.split(' ').length, 3, 'a point for each second');
  assert.doesNotMatch(latency, /NaN|Infinity|undefined/);
  const load = files['small-load.svg'] ?? '';
  // The ground, two squares of the legend, and two bars for each of two servers.
  assert.equal(load.match(/<rect /g)?.length, 7);
  assert.doesNotMatch(load, /NaN|Infinity|undefined/);
});

test('a scenario of several situations has a row for each and each contender, and bars in place of lines', async () => {
  const all = await outcomes(family);
  const lines = table(family, all).split('\n');
  assert.equal(lines[0], '| situation | policy | mean | published: mean |');
  assert.deepEqual(
    lines.slice(2).map((line) => line.split(' | ').slice(0, 2).join(' ')),
    ['| calm one', '| calm two', '| busy one', '| busy two'],
  );
  const files = pageOf(family, all);
  assert.deepEqual(Object.keys(files), ['small.md', 'small.svg']);
  // The ground, two squares of the legend, and two bars for each of two situations.
  assert.equal(files['small.svg']?.match(/<rect /g)?.length, 7);
  assert.doesNotMatch(files['small.svg'] ?? '', /NaN|Infinity|undefined/);
});

test('a claim is judged by what was measured with each seed', async () => {
  const all = await outcomes(family);
  const ratios = [0, 1].map((seed) => (all[3]?.runs[seed]?.numbers.mean ?? 0) / (all[1]?.runs[seed]?.numbers.mean ?? 0));
  const [seven, eight] = claimsTable(family, all).split('\n').slice(2);
  const mean = ((ratios[0] ?? 0) + (ratios[1] ?? 0)) / 2;
  assert.equal(
    seven,
    `| 7 | it slows down | at least 1.5 | ${mean.toFixed(1)} (${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}) | yes |`,
  );
  assert.match(eight ?? '', /^\| 8 \| it does not \| 0\.0 to 10\.0 \| .* \| \*\*no\*\* \|$/);
  assert.match(pageOf(family, all)['small.md'] ?? '', /## What it is to show\n\n\| claim /);
});

test('the first page counts the claims that hold and names those that do not', async () => {
  const text = summary([
    { scenario, outcomes: await outcomes() },
    { scenario: family, outcomes: await outcomes(family) },
  ]);
  const [plain, claimed] = text.split('\n').slice(-3);
  assert.equal(plain, '| [A < B & C](small.md) | 0 | 0 |  |');
  assert.match(claimed ?? '', /^\| \[A < B & C\]\(small\.md\) \| 2 \| 1 \| it does not: .* \(.*\), expected 0\.0 to 10\.0 \|$/);
});

test('a claim about what was not measured is an error', async () => {
  const wrong: Scenario = {
    ...scenario,
    claims: [{ number: '1', text: '', of: (measured) => measured('', 'one', 'median'), decimals: 0 }],
  };
  const all = await outcomes(wrong);
  assert.throws(() => claimsTable(wrong, all), /'median' of 'one'/);
});

test('a quick run is the shorter part of a long one, where its situation says so', async () => {
  const busy = family.situations[1] as Situation;
  const contender = busy.contenders[0] as Situation['contenders'][number];
  const received = async (quick: boolean) => {
    const { loads } = await runOnce(family.measures, busy, contender, 1, quick);
    return loads.reduce((sum, load) => sum + load.received, 0);
  };
  const [long, short] = [await received(false), await received(true)];
  assert.ok(Math.abs(short / long - 0.5) < 0.1, `${short} of ${long}`);
});
