// Prints the public API, or writes it to docs/api.txt with `--write`: every exported name with its signature, and
// the members of what is exported, as the declarations in dist/ have them. What is reachable without being exported
// shows itself by its name in a signature.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const ENTRIES = Object.fromEntries(
  Object.entries(exports)
    .filter(([, { types }]) => types !== undefined)
    .map(([name, { types }]) => [name.replace(/^\./, 'fetchmesh'), types.replace(/^\.\//, '')]),
);

const files = Object.values(ENTRIES).map((file) => root + file);
for (const file of files) if (!existsSync(file)) throw new Error(`${file} is missing: run 'node scripts/build.mjs dist' first`);
const program = ts.createProgram(files, {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
});
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

const text = Object.entries(ENTRIES)
  .map(([name, file]) => `# ${name}\n\n${exportsOf(root + file).join('\n')}`)
  .join('\n');

if (process.argv.includes('--write')) writeFileSync(`${root}docs/api.txt`, text);
else process.stdout.write(text);

function exportsOf(file) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  return checker
    .getExportsOfModule(module)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((symbol) => describe(symbol));
}

/** The declarations behind an exported name. One that is exported as a type alone cannot be called or extended. */
function describe(symbol) {
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  const typeOnly = isAlias && symbol.declarations.some((each) => ts.isTypeOnlyImportOrExportDeclaration(each));
  const target = isAlias ? checker.getAliasedSymbol(symbol) : symbol;
  const mark = typeOnly && isValue(target) ? 'type only: ' : '';
  return target.declarations.map((declaration) => `${mark}${print(declaration, mark !== '')}\n`).join('');
}

function isValue(symbol) {
  return (symbol.flags & ts.SymbolFlags.Value) !== 0;
}

function print(declaration, typeOnly) {
  const node = ts.isVariableDeclaration(declaration) ? declaration.parent.parent : declaration;
  return printer
    .printNode(ts.EmitHint.Unspecified, reachableOf(node, typeOnly), declaration.getSourceFile())
    .replace(/^export |\bdeclare /gm, '');
}

/** A class without what is nobody's business: private members, and the constructor where only the type is exported. */
function reachableOf(node, typeOnly) {
  if (!ts.isClassDeclaration(node)) return node;
  const members = node.members.filter((member) => {
    if (ts.isConstructorDeclaration(member)) return !typeOnly;
    const isPrivate = (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private) !== 0;
    return !isPrivate && !(member.name !== undefined && ts.isPrivateIdentifier(member.name));
  });
  const { modifiers, name, typeParameters, heritageClauses } = node;
  return ts.factory.updateClassDeclaration(node, modifiers, name, typeParameters, heritageClauses, members);
}
