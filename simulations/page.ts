import { boundsOf, type Claim, type Finding, findingsOf } from './claim.js';
import type { Outcome, Run, Scenario } from './scenario.js';
import { barPlot, linePlot } from './svg-plot.js';

/** The table of a scenario: the mean over the seeds, and from which to which number it went. */
export function table({ measures, situations }: Scenario, outcomes: readonly Outcome[]): string {
  const many = situations.length > 1;
  const published = measures.filter(({ name }) => outcomes.some(({ contender }) => contender.published?.[name] !== undefined));
  const heads = [
    ...(many ? ['situation'] : []),
    'policy',
    ...measures.map(({ name }) => name),
    ...published.map(({ name }) => `published: ${name}`),
  ];
  const rows = outcomes.map(({ situation, contender, runs }) => [
    ...(many ? [situation.name] : []),
    contender.name,
    ...measures.map(({ name, decimals }) =>
      spread(
        runs.map((run) => run.numbers[name] ?? Number.NaN),
        decimals,
      ),
    ),
    ...published.map(({ name }) => contender.published?.[name] ?? ''),
  ]);
  return tableOf(heads, rows, many ? 2 : 1);
}

/** What became of the scenario's claims; empty where it has none. */
export function claimsTable({ claims = [] }: Scenario, outcomes: readonly Outcome[]): string {
  if (claims.length === 0) return '';
  return findingsTable(findingsOf(claims, outcomes));
}

export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ claim, numbers, holds }) => [
    claim.number,
    claim.text,
    boundsOf(claim),
    spread(numbers, claim.decimals),
    holds ? 'yes' : '**no**',
  ]);
  return tableOf(['claim', 'what is claimed', 'expected', 'measured', 'holds'], rows, 2);
}

/** The page of a scenario, and the drawings that belong to it, by the names of their files. */
export function pageOf(scenario: Scenario, outcomes: readonly Outcome[]): Record<string, string> {
  const { name, title, about } = scenario;
  const claims = claimsTable(scenario, outcomes);
  const seeds = (outcomes[0]?.runs ?? []).map(({ seed }) => seed).join(', ');
  const drawings = drawingsOf(scenario, outcomes);
  const text = `# ${title}

Written by \`npm run simulate\`. The balancers and policies are those of the library; the servers and the network are simulated, in virtual time.

${about}

${claims === '' ? '' : `## What it is to show\n\n${claims}\n\nA claim holds if the number of each seed keeps within the bounds.\n\n## What was measured\n\n`}${table(scenario, outcomes)}

The mean over the seeds ${seeds}, and the least and the most of them. The drawings are of the first seed.

${drawings.map(({ file, about: alt }) => `![${alt}](${file})`).join('\n\n')}
`;
  return { [`${name}.md`]: text, ...Object.fromEntries(drawings.map(({ file, svg }) => [file, svg])) };
}

/** The page that leads to the others, and says how many of each one's claims hold, and which do not. */
export function summary(all: readonly { readonly scenario: Scenario; readonly outcomes: readonly Outcome[] }[]): string {
  const rows = all.map(({ scenario: { name, title, claims = [] }, outcomes }) => {
    const findings = findingsOf(claims, outcomes);
    const broken = findings.filter(({ holds }) => !holds).map(({ claim, numbers }) => brief(claim, numbers));
    return [`[${title}](${name}.md)`, `${findings.length}`, `${findings.length - broken.length}`, broken.join('<br>')];
  });
  return `# Simulations

Written by \`npm run simulate\`. Each page says what is simulated and where the expected numbers come from. A claim holds if the number of each seed keeps within its bounds; those that do not are named here, with what was measured.

${tableOf(['page', 'claims', 'hold', 'do not hold'], rows, 1)}
`;
}

function brief(claim: Claim, numbers: readonly number[]): string {
  return `${claim.text}: ${spread(numbers, claim.decimals)}, expected ${boundsOf(claim)}`;
}

interface Drawing {
  readonly file: string;
  readonly about: string;
  readonly svg: string;
}

function drawingsOf({ name, title, situations, drawn = 'over time' }: Scenario, outcomes: readonly Outcome[]): Drawing[] {
  if (drawn !== 'over time') {
    const contenders = [...new Set(outcomes.map(({ contender }) => contender.name))];
    const number = (situation: string, contender: string): number =>
      outcomes.find((each) => each.situation.name === situation && each.contender.name === contender)?.runs[0]?.numbers[drawn.measure] ??
      Number.NaN;
    const bars = contenders.map((contender) => ({
      name: contender,
      values: situations.map((situation) => number(situation.name, contender)),
    }));
    const labels = situations.map((_situation, index) => `${index + 1}`);
    const svg = barPlot(`${title}: ${drawn.measure}, by situation in the order of the table`, labels, bars, 'logarithmic');
    return [{ file: `${name}.svg`, about: `${drawn.measure} by situation`, svg }];
  }
  const [situation] = situations;
  if (situation === undefined) return [];
  const first = outcomes.filter((each) => each.situation === situation).map(({ contender, runs }) => ({ contender, run: runs[0] as Run }));
  const lines = first.map(({ contender, run }) => ({ name: contender.name, points: run.p99 }));
  const bars = first.map(({ contender, run }) => ({ name: contender.name, values: run.loads.map(({ received }) => received) }));
  const labels = (first[0]?.run.loads ?? []).map((load) => load.name.replace(/^.*-/, ''));
  const times = '99th percentile over time';
  const loads = 'Requests by server';
  return [
    {
      file: `${name}-latency.svg`,
      about: times,
      svg: linePlot(`${title}: ${times}`, lines, situation.options.durationMs, situation.troubleMs),
    },
    { file: `${name}-load.svg`, about: loads, svg: barPlot(`${title}: ${loads.toLowerCase()}`, labels, bars) },
  ];
}

/** The mean, and the least and the most where there are several. */
function spread(numbers: readonly number[], decimals: number): string {
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  if (numbers.length === 1) return mean.toFixed(decimals);
  return `${mean.toFixed(decimals)} (${Math.min(...numbers).toFixed(decimals)} to ${Math.max(...numbers).toFixed(decimals)})`;
}

/** The first `words` columns stand to the left, the numbers behind them to the right. */
function tableOf(heads: readonly string[], rows: readonly (readonly string[])[], words: number): string {
  const rule = heads.map((_head, column) => (column < words ? '---' : '--:'));
  return [heads, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
