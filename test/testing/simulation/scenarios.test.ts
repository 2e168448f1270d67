import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pageOf, table } from '../../../simulations/page.js';
import { percentWithin, type Run, runOf, type Scenario } from '../../../simulations/scenario.js';
import { oneSlowOfEleven } from '../../../simulations/scenarios/one-slow-of-eleven.js';
import { always, at, poisson, type SimulationResult, simulate } from '../../../src/testing/simulation/index.js';

test('with one slow server of eleven, peak EWMA loses fewest requests, round robin most', async () => {
  // A third of the time of the whole experiment, with the same share of it in trouble.
  const { situation, contenders } = oneSlowOfEleven;
  const results = new Map<string, SimulationResult>();
  for (const { name, mesh } of contenders) {
    if (!['round robin', 'least requests of two', 'peak EWMA of two, p2c()'].includes(name)) continue;
    const events = [
      at(5_000, ({ endpoint }) => endpoint('server-1').setServiceMs(always(2_000))),
      at(15_000, ({ endpoint }) => endpoint('server-1').setServiceMs(situation.endpoints[0]?.serviceMs ?? 0)),
    ];
    results.set(name, await simulate({ ...situation, durationMs: 20_000, arrivals: poisson(1_000), events, mesh }));
  }
  const within = (name: string) => percentWithin(results.get(name) as SimulationResult, 1_000);
  assert.ok(Math.abs(within('round robin') - 95.45) < 0.3, `${within('round robin')}`);
  assert.ok(Math.abs(within('least requests of two') - 99.45) < 0.2, `${within('least requests of two')}`);
  // What it loses, it loses while the first slow answers are still to come: a number, and no share of the time.
  const lost = ((100 - within('peak EWMA of two, p2c()')) * 20_000) / 100;
  assert.ok(lost > 20 && lost < 70, `${lost}`);
});

const scenario: Scenario = {
  name: 'small',
  title: 'A < B & C',
  about: 'About it.',
  contenders: [
    { name: 'one', mesh: {}, published: { mean: '12' } },
    { name: 'two', mesh: {} },
  ],
  measures: [{ name: 'mean', decimals: 1, of: ({ latency }) => latency.meanMs }],
  situation: { endpoints: [{ name: 'server', count: 2, serviceMs: 10 }], arrivals: poisson(100), durationMs: 3_000, seriesMs: 1_000 },
  troubleMs: [1_000, 2_000],
};

async function outcomes() {
  return Promise.all(
    scenario.contenders.map(async (contender) => {
      const runs: Run[] = [];
      for (const seed of [1, 2]) runs.push(runOf(scenario, seed, await simulate({ ...scenario.situation, mesh: contender.mesh, seed })));
      return { contender, runs };
    }),
  );
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
