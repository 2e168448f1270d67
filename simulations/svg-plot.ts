/** Drawings as SVG text: lines over time, and bars. Plain shapes that any browser shows, on a white ground. */

export interface PlotLine {
  readonly name: string;
  /** Time and value, both in milliseconds. */
  readonly points: readonly (readonly [number, number])[];
}

export interface BarGroup {
  readonly name: string;
  readonly values: readonly number[];
}

const WIDTH = 860;
const LEFT = 64;
const RIGHT = 240;
const TOP = 44;
const PLOT_WIDTH = WIDTH - LEFT - RIGHT;
const PLOT_HEIGHT = 300;

/** Colours that are told apart also by most who do not see all colours (Okabe and Ito), the palest left out. */
const COLOURS = ['#d55e00', '#e69f00', '#009e73', '#0072b2', '#56b4e9', '#cc79a7', '#000000'];

/** Values over time, with a logarithmic scale of values. `shadeMs` marks a stretch of time. */
export function linePlot(title: string, lines: readonly PlotLine[], untilMs: number, shadeMs?: readonly [number, number]): string {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => value > 0);
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const highest = roundUp(Math.max(...values));
  const x = (ms: number) => LEFT + (ms / untilMs) * PLOT_WIDTH;
  const y = (value: number) => TOP + PLOT_HEIGHT * (1 - Math.log(value / lowest) / Math.log(highest / lowest));
  const parts: string[] = [];
  if (shadeMs !== undefined) parts.push(box(x(shadeMs[0]), TOP, x(shadeMs[1]) - x(shadeMs[0]), PLOT_HEIGHT, '#f0f0f0'));
  for (let decade = lowest; decade < highest * 1.5; decade *= 10) {
    for (const value of [decade, 2 * decade, 5 * decade]) {
      if (value > highest * 1.001) continue;
      parts.push(rule(LEFT, y(value), LEFT + PLOT_WIDTH, y(value)), text(LEFT - 6, y(value) + 4, `${value} ms`, 'end'));
    }
  }
  for (let step = 0; step <= 6; step++) {
    const ms = (untilMs * step) / 6;
    parts.push(text(x(ms), TOP + PLOT_HEIGHT + 18, `${Number((ms / 1_000).toPrecision(3))} s`, 'middle'));
  }
  for (const [index, { points }] of lines.entries()) {
    const path = points
      .filter(([, value]) => value > 0)
      .map(([ms, value]) => `${x(ms).toFixed(1)},${y(value).toFixed(1)}`)
      .join(' ');
    parts.push(`<polyline fill="none" stroke="${colour(index)}" stroke-width="1.5" points="${path}"/>`);
  }
  return page(
    title,
    lines.map(({ name }) => name),
    parts,
  );
}

/** Bars side by side, one group for each of `labels`, and in it one bar for each of `groups`. What is NaN has none. */
export function barPlot(
  title: string,
  labels: readonly string[],
  groups: readonly BarGroup[],
  scale: 'linear' | 'logarithmic' = 'linear',
): string {
  const values = groups.flatMap((group) => group.values).filter((value) => value > 0);
  const { y, ticks } = scale === 'linear' ? linearScale(values) : logarithmicScale(values);
  const slot = PLOT_WIDTH / labels.length;
  const wide = (slot * 0.8) / groups.length;
  const parts: string[] = [];
  for (const tick of ticks) {
    const shown = tick < 10 ? Number(tick.toPrecision(3)) : Math.round(tick);
    parts.push(rule(LEFT, y(tick), LEFT + PLOT_WIDTH, y(tick)), text(LEFT - 6, y(tick) + 4, `${shown}`, 'end'));
  }
  for (const [place, label] of labels.entries()) {
    const left = LEFT + place * slot + slot * 0.1;
    parts.push(text(left + slot * 0.4, TOP + PLOT_HEIGHT + 18, label, 'middle'));
    for (const [index, { values }] of groups.entries()) {
      const value = values[place] ?? Number.NaN;
      if (Number.isNaN(value)) continue;
      parts.push(box(left + index * wide, y(value), wide, TOP + PLOT_HEIGHT - y(value), colour(index)));
    }
  }
  return page(
    title,
    groups.map(({ name }) => name),
    parts,
  );
}

interface Scale {
  readonly y: (value: number) => number;
  readonly ticks: readonly number[];
}

function linearScale(values: readonly number[]): Scale {
  const highest = Math.max(1, ...values);
  return { y: (value) => TOP + PLOT_HEIGHT * (1 - value / highest), ticks: [0, 1, 2, 3, 4].map((step) => (highest * step) / 4) };
}

/** From the power of ten below the least value to the one above the greatest. */
function logarithmicScale(values: readonly number[]): Scale {
  const from = Math.floor(Math.log10(Math.min(1, ...values)));
  const to = Math.ceil(Math.log10(Math.max(1, ...values)));
  const decades = Math.max(1, to - from);
  return {
    y: (value) => TOP + PLOT_HEIGHT * Math.min(1, 1 - (Math.log10(value) - from) / decades),
    ticks: Array.from({ length: decades + 1 }, (_, step) => 10 ** (from + step)),
  };
}

/** The next of 1, 2, 5, 10, 20, 50 and so on. */
function roundUp(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  return decade * ([1, 2, 5].find((step) => step * decade >= value) ?? 10);
}

function page(title: string, names: readonly string[], parts: readonly string[]): string {
  const height = TOP + PLOT_HEIGHT + 36;
  const legend = names.flatMap((name, index) => [
    box(LEFT + PLOT_WIDTH + 20, TOP + index * 22, 12, 12, colour(index)),
    text(LEFT + PLOT_WIDTH + 40, TOP + index * 22 + 11, name, 'start'),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(title)}</title>`,
    box(0, 0, WIDTH, height, '#ffffff'),
    `<text x="${LEFT}" y="24" font-size="15">${escaped(title)}</text>`,
    ...parts,
    ...legend,
    '</svg>\n',
  ].join('\n');
}

function colour(index: number): string {
  return COLOURS[index % COLOURS.length] as string;
}

function rule(fromX: number, fromY: number, toX: number, toY: number): string {
  return `<line x1="${fromX.toFixed(1)}" y1="${fromY.toFixed(1)}" x2="${toX.toFixed(1)}" y2="${toY.toFixed(1)}" stroke="#d0d0d0"/>`;
}

function box(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${fill}"/>`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
