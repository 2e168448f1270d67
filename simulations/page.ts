import type { Contender, Run, Scenario } from './scenario.js';
import { barPlot, linePlot } from './svg-plot.js';

/** A contender and what its runs gave, one for each seed. */
export interface Outcome {
  readonly contender: Contender;
  readonly runs: readonly Run[];
}

/** The table of a scenario: the mean over the seeds, and from which to which number it went. */
export function table({ measures }: Scenario, outcomes: readonly Outcome[]): string {
  const published = measures.filter(({ name }) => outcomes.some(({ contender }) => contender.published?.[name] !== undefined));
  const heads = ['policy', ...measures.map(({ name }) => name), ...published.map(({ name }) => `published: ${name}`)];
  const rows = outcomes.map(({ contender, runs }) => [
    contender.name,
    ...measures.map(({ name, decimals }) => {
      const numbers = runs.map((run) => run.numbers[name] ?? Number.NaN);
      const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
      if (numbers.length === 1) return mean.toFixed(decimals);
      return `${mean.toFixed(decimals)} (${Math.min(...numbers).toFixed(decimals)} to ${Math.max(...numbers).toFixed(decimals)})`;
    }),
    ...published.map(({ name }) => contender.published?.[name] ?? ''),
  ]);
  return [heads, heads.map((_head, column) => (column === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** The page of a scenario, and the drawings that belong to it, by the names of their files. */
export function pageOf(scenario: Scenario, outcomes: readonly Outcome[]): Record<string, string> {
  const { name, title, about, situation, troubleMs } = scenario;
  const first = outcomes.map(({ contender, runs }) => ({ contender, run: runs[0] as Run }));
  const labels = (first[0]?.run.loads ?? []).map((load) => load.name.replace(/^.*-/, ''));
  const seeds = (outcomes[0]?.runs ?? []).map(({ seed }) => seed).join(', ');
  const text = `# ${title}

Written by \`npm run simulate\`. The balancers and policies are those of the library; the servers and the network are simulated, in virtual time.

${about}

${table(scenario, outcomes)}

The mean over the seeds ${seeds}, and the least and the most of them. The drawings are of the first seed.

![99th percentile over time](${name}-latency.svg)

![Requests by server](${name}-load.svg)
`;
  return {
    [`${name}.md`]: text,
    [`${name}-latency.svg`]: linePlot(
      `${title}: 99th percentile over time`,
      first.map(({ contender, run }) => ({ name: contender.name, points: run.p99 })),
      situation.durationMs,
      troubleMs,
    ),
    [`${name}-load.svg`]: barPlot(
      `${title}: requests by server`,
      labels,
      first.map(({ contender, run }) => ({ name: contender.name, values: run.loads.map(({ received }) => received) })),
    ),
  };
}
