import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * What people read must be true: every block of TypeScript in the pages is an example, every example runs and
 * prints what it says it prints, and every link leads somewhere.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = fileURLToPath(new URL('../examples', import.meta.url));

interface Samples {
  pages(): string[];
  blocksOf(page: string): { readonly reference: string; readonly code: string; readonly expected: string | undefined }[];
  performanceTable(): { readonly actual: string | undefined; readonly expected: string };
}
const { pages, blocksOf, performanceTable } = (await import(pathToFileURL(join(root, 'scripts/samples.mjs')).href)) as Samples;

const examples = readdirSync(join(root, 'examples')).filter((name) => /^\d\d-.*\.ts$/.test(name));

/** Long enough for a busy machine; an example that hangs fails all the same. */
const LONGEST_RUN_MS = 60_000;

function run(example: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const file = join(compiled, example.replace(/\.ts$/, '.js'));
  return new Promise((resolve, reject) => {
    // Without it a test inside an example would report to this runner and print nothing.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    execFile(process.execPath, [file], { timeout: LONGEST_RUN_MS, env }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(new Error(`${example} failed: ${error.message}\n${stdout}`));
    });
  });
}

/** What the comments `// -> text` of an example say that it prints. */
function announced(example: string): string[] {
  const source = readFileSync(join(root, 'examples', example), 'utf8');
  return Array.from(source.matchAll(/\/\/ -> (.*)$/gm), ([, text]) => text ?? '');
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const headings = markdown.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm);
  return new Set(
    Array.from(headings, ([, text]) =>
      (text ?? '')
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('the pages', () => {
  for (const page of pages()) {
    test(`${page} shows only code that stands in examples/, word for word`, () => {
      for (const { reference, code, expected } of blocksOf(page)) {
        assert.notEqual(expected, undefined, `${page} has a block for '${reference}', which is no example or no region of one`);
        assert.equal(code, expected, `${page} differs from ${reference}: npm run samples`);
      }
    });

    test(`the links of ${page} lead somewhere`, () => {
      const markdown = readFileSync(join(root, page), 'utf8');
      for (const [, link = ''] of markdown.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(link)) continue;
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? join(root, page) : join(root, dirname(page), path);
        assert.ok(existsSync(target), `${page} links to ${link}, which is not there`);
        if (anchor !== undefined) assert.ok(anchorsOf(readFileSync(target, 'utf8')).has(anchor), `${link} has no such heading`);
      }
    });
  }

  test('the numbers of the README are those of the benchmark', () => {
    const { actual, expected } = performanceTable();
    assert.equal(actual, expected, 'the README differs from docs/benchmarks.md: npm run samples');
  });

  test('no example goes unread', () => {
    const references = pages().flatMap((page) => blocksOf(page).map(({ reference }) => reference));
    const unread = examples.filter((name) => !references.some((reference) => reference.startsWith(`examples/${name}`)));
    assert.deepEqual(unread, []);
  });
});

describe('the examples', { concurrency: 2 }, () => {
  for (const example of examples) {
    test(`${example} runs, and prints what it says`, async () => {
      const { stdout, stderr } = await run(example);
      assert.equal(stderr, '', `${example} warns`);
      if (example.endsWith('-test.ts')) assert.match(stdout, /^(?:#|ℹ) pass [1-9]/m);
      else assert.deepEqual(stdout.trimEnd().split('\n'), announced(example));
    });
  }
});
