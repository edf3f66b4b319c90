import { basename } from 'node:path/posix';
import ts from 'typescript';
import { checkParts, partRules, type Report } from './check-parts.js';
import { findCircles } from './import-circles.js';
import { forbidden, isNode, layerOf } from './import-table.js';
import { parse, readImports, walk } from './read-imports.js';

/** Paths inside src, such as `core/session.ts`, and their text. */
export type SourceTree = Readonly<Record<string, string>>;

/** One broken rule: where, what, and the rule in words. */
export interface Violation {
  readonly file: string;
  readonly found: string;
  readonly rule: string;
}

/** Every rule about files, by the sentence that it is reported with. */
export const rules = {
  place: 'Every file has a place in the tree of CONTRIBUTING.md.',
  name: 'Files are named in kebab-case after their main export; no utils, helpers, types, constants, no index in a folder.',
  oneLibrary: 'An adapter is about one library at most.',
  portsAreTypes: 'ports hold interfaces and types only.',
  indexIsNames: 'index and dpop re-export names one by one: no logic, no export *.',
  pure: 'core knows no promise and no global.',
  clock:
    'core, ports, manager and errors are given time and chance: no Date.now, new Date(), Math.random, performance.',
  ambient:
    'core, ports, manager, integrations and errors declare no ambient names: purity is checked against what they see.',
  reference: 'Only adapters, presets and testing may reference the types of a runtime.',
  suppressed: 'src suppresses no type error.',
  circle: 'No file imports itself by way of others, not even for a type.',
  ...partRules,
} as const;

/** Checks a tree of sources against the import table and the rules about files. */
export function checkArchitecture(tree: SourceTree, dependencies: readonly string[]): Violation[] {
  const violations: Violation[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, text] of Object.entries(tree)) {
    const report: Report = (found, rule) => violations.push({ file, found, rule });
    const source = parse(file, text);
    checkPlace(file, report);
    checkEdges(file, source, dependencies, report);
    checkText(file, source, report);
    checkStatements(file, source, report);
    checkPurity(file, source, report);
    checkParts(file, source, report);
    graph.set(
      file,
      readImports(source).map((edge) => edge.specifier),
    );
  }
  for (const circle of findCircles(graph)) {
    violations.push({ file: circle[0] ?? '', found: circle.join(' → '), rule: rules.circle });
  }
  return violations;
}

function checkPlace(file: string, report: Report): void {
  const name = basename(file).replace(/\.tsx?$/, '');
  if (!layerOf(file)) report(file, rules.place);
  if (
    !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ||
    /(^|-)(utils?|helpers?|types?|constants?)$/.test(name) ||
    (name === 'index' && file.includes('/'))
  ) {
    report(file, rules.name);
  }
}

function checkEdges(file: string, source: ts.SourceFile, dependencies: readonly string[], report: Report): void {
  const edges = readImports(source);
  for (const edge of edges) {
    const rule = forbidden(file, edge, dependencies);
    if (rule) report(`import${edge.typeOnly ? ' type' : ''} '${edge.specifier}'`, rule);
  }
  const libraries = new Set(edges.filter((edge) => !edge.specifier.startsWith('.') && !isNode(edge)));
  const names = new Set([...libraries].map((edge) => edge.specifier));
  if (layerOf(file) === 'adapters' && names.size > 1) report([...names].join(', '), rules.oneLibrary);
}

function checkText(file: string, source: ts.SourceFile, report: Report): void {
  const layer = layerOf(file);
  const runtime = layer === 'adapters' || layer === 'presets' || layer === 'testing';
  const references = [
    ...source.referencedFiles,
    ...source.libReferenceDirectives,
    ...(runtime ? [] : source.typeReferenceDirectives),
  ];
  for (const reference of references) report(`/// <reference … "${reference.fileName}">`, rules.reference);
  const suppression = /@ts-(ignore|nocheck|expect-error)/.exec(source.text)?.[0];
  if (suppression) report(suppression, rules.suppressed);
}

function checkStatements(file: string, source: ts.SourceFile, report: Report): void {
  const layer = layerOf(file);
  for (const statement of source.statements) {
    const found = statement.getText(source).split('\n')[0] ?? '';
    if (layer === 'ports' && !isTypeStatement(statement)) report(found, rules.portsAreTypes);
    if ((layer === 'index' || layer === 'dpop') && !isNamedReExport(statement)) report(found, rules.indexIsNames);
  }
  walk(source, (node) => {
    const runtime = layer === 'adapters' || layer === 'presets' || layer === 'testing';
    if (!runtime && isAmbient(node)) report(node.getText(source).split('\n')[0] ?? '', rules.ambient);
  });
}

// A subpath's own error stays out of the root entry, which pays for whatever errors.ts holds.
function isTypeStatement(node: ts.Statement): boolean {
  return (
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    (ts.isExportDeclaration(node) && node.isTypeOnly) ||
    (ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
  );
}

function isNamedReExport(node: ts.Statement): boolean {
  return (
    ts.isExportDeclaration(node) &&
    node.moduleSpecifier !== undefined &&
    node.exportClause !== undefined &&
    ts.isNamedExports(node.exportClause)
  );
}

/** `declare const …`, `declare global …`; not the `declare` of a class member, which makes no name visible. */
function isAmbient(node: ts.Node): boolean {
  return (
    ts.isStatement(node) &&
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node)?.some((modifier) => modifier.kind === ts.SyntaxKind.DeclareKeyword) ?? false)
  );
}

function checkPurity(file: string, source: ts.SourceFile, report: Report): void {
  const layer = layerOf(file);
  if (layer !== 'core' && layer !== 'ports' && layer !== 'manager' && layer !== 'errors') return;
  walk(source, (node) => {
    const timed = usesClockOrChance(node);
    if (timed) report(timed, rules.clock);
    if (layer !== 'core') return;
    if (ts.isAwaitExpression(node)) report('await', rules.pure);
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report('async', rules.pure);
    if (ts.isIdentifier(node) && /^(Promise|PromiseLike|globalThis)$/.test(node.text)) report(node.text, rules.pure);
  });
}

function usesClockOrChance(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const name = `${node.expression.text}.${node.name.text}`;
    if (name === 'Date.now' || name === 'Math.random' || name === 'performance.now') return name;
  }
  if (ts.isNewExpression(node) && isDate(node.expression) && !node.arguments?.length) return 'new Date()';
  if (ts.isCallExpression(node) && isDate(node.expression)) return 'Date()';
  return undefined;
}

function isDate(node: ts.Expression): boolean {
  return ts.isIdentifier(node) && node.text === 'Date';
}
