// Keeps the code in README.md and docs/ equal to examples/. A block that begins with
//     ```ts examples/NAME.ts          or      ```ts examples/NAME.ts#REGION
// has the text of that file, or of what stands between `// #region REGION` and `// #endregion` in it.
// `npm run samples` writes the blocks; test/docs.test.ts compares them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const BLOCK = /^```ts(?<info>[^\n]*)\n(?<code>.*?)^```$/gms;

/** The pages that people read, relative to the root. */
export function pages() {
  const docs = readdirSync(join(root, 'docs'), { recursive: true }).filter((name) => name.endsWith('.md'));
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

function writeBlocks(page) {
  const path = join(root, page);
  const before = readFileSync(path, 'utf8');
  const after = before.replace(BLOCK, (block, info) => {
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

if (process.argv[1] === fileURLToPath(import.meta.url)) for (const page of pages()) writeBlocks(page);
