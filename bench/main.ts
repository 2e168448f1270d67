import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { run as runFleets } from './fleet.js';
import { machine } from './machine.js';
import { run as runMemory } from './memory.js';
import { type NodeBinary, node24, thisNode } from './nodes.js';
import { run as runPicks } from './pick.js';
import { type NodeResults, report } from './report.js';
import { run as runRequests } from './requests.js';
import { run as runStacks } from './stack.js';

/**
 * `npm run bench`: measures fetchmesh beside its peers and writes docs/benchmarks.md. Under twenty minutes; with
 * `--quick` under three, of which nothing is written.
 *
 *   --quick          a short form, with the Node that runs it alone, printed and not written
 *   --node24         Node 24 as well, also in the short form
 *   --no-node24      not with Node 24
 *   --only PARTS     some of requests, stack, pick, memory, fleet, with commas between them; printed and not written
 *   --date TEXT      a date to write into the page
 */

const PARTS = ['requests', 'stack', 'pick', 'memory', 'fleet'];

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    node24: { type: 'boolean' },
    only: { type: 'string', default: PARTS.join(',') },
    date: { type: 'string' },
  },
  allowNegative: true,
});

const quick = options.quick;
const parts = new Set(options.only.split(','));
for (const part of parts) if (!PARTS.includes(part)) throw new Error(`--only takes ${PARTS.join(', ')}, got '${part}'`);

const nodes: NodeBinary[] = [thisNode];
if (options.node24 ?? !quick) {
  const other = node24();
  if (other === undefined) console.error('Node 24 cannot be had here (npx -y node@24): measuring without it.');
  else if (other.version !== thisNode.version) nodes.push(other);
}

const results: NodeResults[] = [];
for (const { path: node, version } of nodes) {
  results.push({
    version,
    ...(parts.has('requests') ? { requests: await announced(version, 'requests', runRequests({ node, quick })) } : {}),
    ...(parts.has('stack') ? { stacks: await announced(version, 'stacks', runStacks({ node, quick })) } : {}),
    ...(parts.has('pick') ? { picks: await announced(version, 'picks', runPicks({ node, quick })) } : {}),
    ...(parts.has('memory') ? { memory: await announced(version, 'memory', runMemory({ node, quick })) } : {}),
    // What is waited for there are the servers' queues, which no Node makes longer or shorter.
    ...(parts.has('fleet') && node === thisNode.path ? { fleets: await announced(version, 'fleet', runFleets({ node, quick })) } : {}),
  });
}

const page = report(machine(), options.date, results);
console.log(page);
if (!quick && parts.size === PARTS.length) {
  writeFileSync('docs/benchmarks.md', page);
  console.error('written to docs/benchmarks.md');
}

async function announced<Result>(version: string, part: string, work: Promise<Result>): Promise<Result> {
  const startMs = performance.now();
  const result = await work;
  console.error(`${version}: ${part} measured in ${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
  return result;
}
