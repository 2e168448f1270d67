// Keeps the code in README.md and docs/ equal to examples/. A block that begins with
//     ```ts examples/NAME.ts          or      ```ts examples/NAME.ts#REGION
// has the text of that file, or of what stands between `// #region REGION` and `// #endregion` in it.
// The table of README.md's section on performance has the numbers of docs/benchmarks.md.
// `npm run samples` writes the blocks and the table; test/docs.test.ts compares them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const BLOCK = /^```ts(?<info>[^\n]*)\n(?<code>.*?)^```$/gms;

/** The pages that people read, relative to the root. */
export function pages() {
  const docs = readdirSync(join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md') && !name.startsWith('api'));
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.map((name) => join('docs', name)).sort()];
}

/** The TypeScript blocks of a page: what each refers to, what it says, and what it should say (undefined for a bad reference). */
export function blocksOf(page) {
  const markdown = readFileSync(join(root, page), 'utf8');
  return Array.from(markdown.matchAll(BLOCK), ({ groups }) => {
    const reference = groups.info.trim();
    return { reference, code: groups.code, expected: sample(reference) };
  });
}

/** The text that a reference stands for, or undefined. */
function sample(reference) {
  const [, file, region] = /^(examples\/[\w/-]+\.ts)(?:#([\w-]+))?$/.exec(reference) ?? [];
  if (file === undefined) return undefined;
  let source;
  try {
    source = readFileSync(join(root, file), 'utf8');
  } catch {
    return undefined;
  }
  const lines = source.trimEnd().split('\n');
  if (region === undefined) return text(lines);
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  const end = lines.findIndex((line, index) => index > start && line.trim() === '// #endregion');
  return start < 0 || end < 0 ? undefined : text(lines.slice(start + 1, end));
}

function text(lines) {
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const indent = Math.min(...indents);
  return lines.map((line) => `${line.slice(indent)}\n`).join('');
}

const PERFORMANCE = /^\| Requests a second\b.*\n(?:\|.*\n)+/m;
const CONTENDERS = ['mesh.fetch, standard stack', 'undici.request', 'global fetch', 'opossum around fetch', 'cockatiel around fetch'];

/** The table of the README, as it is and as it should be: throughput as multiples of the built-in fetch, a column for each Node. */
export function performanceTable() {
  const [, ...sections] = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8').split(/^## Node /m);
  const versions = sections.map((section) => section.slice(0, section.indexOf('\n')));
  const rows = CONTENDERS.map((name) => [name, ...sections.map((section) => throughputOf(name, section))]);
  const table = [
    ['Requests a second, as multiples of `global fetch`', ...versions.map((version) => `Node ${version}`)],
    ['---', ...versions.map(() => '---:')],
    ...rows,
  ];
  const expected = table.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
  return { actual: PERFORMANCE.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[0], expected };
}

function throughputOf(name, section) {
  const row = section.split('\n').find((line) => line.split('|')[1]?.trim() === name);
  if (row === undefined) throw new Error(`docs/benchmarks.md has no row for '${name}'`);
  return row.split('|')[2].trim();
}

function writePage(page) {
  const path = join(root, page);
  const before = readFileSync(path, 'utf8');
  const withTable = page === 'README.md' ? before.replace(PERFORMANCE, () => performanceTable().expected) : before;
  const after = withTable.replace(BLOCK, (block, info) => {
    const expected = sample(info.trim());
    if (expected !== undefined) return `\`\`\`ts${info}\n${expected}\`\`\``;
    console.error(`${page}: there is no example for '${info.trim()}'`);
    process.exitCode = 1;
    return block;
  });
  if (after !== before) {
    writeFileSync(path, after);
    console.log(`wrote ${page}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const page of pages()) writePage(page);
