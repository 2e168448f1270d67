import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/**
 * What the pages say about options, codes and events is what the declarations of the package say. A table whose
 * first header cell is the name of an interface has all its options, with the defaults of their docstrings.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: Record<string, { types?: string }> };
const entries = Object.values(exports).flatMap(({ types }) => (types === undefined ? [] : [join(root, types)]));
const program = ts.createProgram(entries, {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  types: ['node'],
  strict: true,
});
const checker = program.getTypeChecker();

/** The types that the package exports. */
const typesByName = new Map<string, ts.Type>();
for (const entry of entries) {
  const file = program.getSourceFile(entry);
  const module = file && checker.getSymbolAtLocation(file);
  assert.ok(module, `${entry} is missing: npm run build`);
  for (const symbol of checker.getExportsOfModule(module)) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    typesByName.set(symbol.name, checker.getDeclaredTypeOfSymbol(target));
  }
}

interface Table {
  readonly page: string;
  readonly name: string;
  /** The cells of each row, without the marks of code. */
  readonly rows: readonly (readonly string[])[];
}

function tablesOf(page: string): Table[] {
  const tables: Table[] = [];
  for (const [text] of readFileSync(join(root, page), 'utf8').matchAll(/(?:^\|.*\|\n)+/gm)) {
    const [, name = ''] = /^\| `(\w+)` \|/.exec(text) ?? [];
    const [, , ...rows] = text.trim().split('\n').map(cellsOf);
    if (typesByName.has(name)) tables.push({ page, name, rows });
  }
  return tables;
}

function cellsOf(line: string): string[] {
  return line
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('`', ''));
}

// docs/api/ is made of these pages, and may be an old one.
const inDocs = readdirSync(join(root, 'docs'), { recursive: true }).map(String);
const pages = ['README.md', ...inDocs.filter((name) => !name.startsWith('api')).map((name) => join('docs', name))];
const tables = pages.filter((page) => page.endsWith('.md')).flatMap(tablesOf);

/** The options of an interface that a user writes: by name, with their docstrings; index signatures left out. */
function optionsOf(name: string): Map<string, { readonly optional: boolean; readonly docs: string }> {
  const type = typesByName.get(name);
  assert.ok(type);
  return new Map(
    type.getProperties().map((property) => {
      const docs = ts.displayPartsToString(property.getDocumentationComment(checker)).replaceAll('`', '');
      return [property.name, { optional: (property.flags & ts.SymbolFlags.Optional) !== 0, docs }];
    }),
  );
}

/** The first word of a default, which is its value: `5,000` of `5,000 ms`. */
function firstWord(text: string): string {
  return (text.split(/[\s,](?!\d)/)[0] ?? '').replace(/[.:;]$/, '');
}

describe('the tables of options', () => {
  test('are there', () => assert.ok(tables.length >= 20, `${tables.length} tables`));

  for (const { page, name, rows } of tables) {
    test(`${name} in ${page} has every option, with the default of its docstring`, () => {
      const options = optionsOf(name);
      assert.deepEqual(rows.map(([option]) => option).toSorted(), [...options.keys()].toSorted());
      for (const [option = '', byDefault = ''] of rows) {
        const { optional = false, docs = '' } = options.get(option) ?? {};
        if (!optional) {
          assert.equal(byDefault, '', `${option} has no default: it must be given`);
          continue;
        }
        const documented = /\bdefault:?\s+(.*)/is.exec(docs)?.[1] ?? '';
        assert.equal(firstWord(byDefault), firstWord(documented), `the default of ${name}.${option}`);
      }
    });
  }
});

describe('the reference pages', () => {
  const page = (name: string) => readFileSync(join(root, name), 'utf8');

  test('explain every error code, and no other', () => {
    const type = typesByName.get('MeshErrorCode');
    assert.ok(type?.isUnion());
    const codes = type.types.map((each) => (each.isStringLiteral() ? each.value : '')).toSorted();
    for (const name of ['README.md', 'docs/errors.md']) {
      const rows = Array.from(page(name).matchAll(/^\| `(ERR_\w+)` \|/gm), ([, code]) => code);
      assert.deepEqual(rows.toSorted(), codes, name);
    }
    const mentioned = new Set(pages.filter((name) => name.endsWith('.md')).flatMap((name) => page(name).match(/ERR_MESH_\w+/g) ?? []));
    assert.deepEqual([...mentioned].toSorted(), codes);
  });

  test('explain every event, with what it carries', () => {
    const type = typesByName.get('MeshEvents');
    assert.ok(type);
    const rows = Array.from(page('docs/events.md').matchAll(/^\| `(\w+)` \|[^|]*\| (.*) \|$/gm), ([, name = '', carries = '']) => ({
      name,
      fields: Array.from(carries.matchAll(/`(\w+)`/g), ([, field]) => field),
    }));
    const events = type.getProperties().map((event) => {
      const fields = checker.getTypeOfSymbol(event).getProperties();
      return { name: event.name, fields: fields.map((field) => field.name) };
    });
    assert.deepEqual(rows, events);
  });
});
