import { posix } from 'node:path';
import ts from 'typescript';
import { layerOf } from './import-table.js';
import { walk } from './read-imports.js';

/** Says what breaks which rule. */
export type Report = (found: string, rule: string) => void;

/** The rules about the parts of the manager: who owns what, and who alone may call what. */
export const partRules = {
  classes:
    'Classes are for errors, the parts of manager, the watcher of evertoken/otel, and a custom element, which the platform wants to be one; everything else is functions.',
  oneClass: 'A file of manager holds one class at most.',
  fields: 'What a class of manager shows is readonly: only the class itself writes what it holds, in #private fields.',
  members:
    'A part of manager shows at most six members; only the root, which wires the parts, and what integrations may ask, show more.',
  transition: 'Only manager/session-store.ts changes the state of the session.',
  storage: 'Only manager/record-store.ts calls the storage, and hands the right to write out under the lock.',
} as const;

/** The root, which wires the parts, and the face that it shows to integrations. */
const WHOLE = ['manager/manager.ts', 'manager/session-hooks.ts'];
const MAX_MEMBERS = 6;
/** One a session, of which there may be thousands: closures would cost each of them some hundred bytes. */
const WATCHER = 'integrations/otel/watched-session.ts';

const STORAGE_MEMBERS = ['storage', 'getItem', 'setItem', 'removeItem'];

/** Checks one file against the rules about parts. */
export function checkParts(file: string, source: ts.SourceFile, report: Report): void {
  const layer = layerOf(file);
  const classes: ts.ClassLikeDeclaration[] = [];
  walk(source, (node) => {
    if (ts.isClassLike(node)) classes.push(node);
    if (layer === 'manager' && file !== 'manager/record-store.ts') checkStorage(node, report);
  });
  const names = classes.map((node) => `class ${node.name?.text ?? ''}`.trim());
  if (layer !== 'errors' && layer !== 'manager' && file !== WATCHER) {
    for (const [index, name] of names.entries()) {
      if (!isPermitted(classes[index], layer)) report(name, partRules.classes);
    }
  }
  if (layer === 'manager') {
    if (names.length > 1) report(names.join(', '), partRules.oneClass);
    for (const node of classes) {
      checkFields(node, report);
      if (!WHOLE.includes(file)) checkMembers(node, report);
    }
  }
  if (file !== 'manager/session-store.ts') checkTransition(file, source, report);
}

/** The error class of a subpath that not everybody imports, or a custom element. */
function isPermitted(node: ts.ClassLikeDeclaration | undefined, layer: string | undefined): boolean {
  const parents =
    node?.heritageClauses?.flatMap(({ types }) => types.map(({ expression }) => expression.getText())) ?? [];
  return layer === 'integrations' && parents.some((parent) => parent === 'TokenError' || parent === 'HTMLElement');
}

/** Reports whatever others could assign to: a field, a parameter that is one, a setter. */
function checkFields(node: ts.ClassLikeDeclaration, report: Report): void {
  for (const member of node.members) {
    const declared = ts.isConstructorDeclaration(member) ? member.parameters : [member];
    for (const one of declared) {
      const isField =
        ts.isPropertyDeclaration(one) || ts.isSetAccessor(one) || ts.isParameterPropertyDeclaration(one, member);
      if (!isField || ts.isPrivateIdentifier(one.name)) continue;
      const isReadonly = ts.getModifiers(one)?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword);
      if (!isReadonly) report(`${node.name?.text ?? 'class'}.${one.name.getText()}`, partRules.fields);
    }
  }
}

/** Reports a class that shows too much: methods, accessors and fields, each name once, and the parameters that are fields. */
function checkMembers(node: ts.ClassLikeDeclaration, report: Report): void {
  const names = node.members.flatMap((member) =>
    ts.isConstructorDeclaration(member)
      ? member.parameters.filter((one) => ts.isParameterPropertyDeclaration(one, member)).map(({ name }) => name)
      : member.name && !ts.isPrivateIdentifier(member.name)
        ? [member.name]
        : [],
  );
  const shown = new Set(names.map((name) => name.getText()));
  if (shown.size > MAX_MEMBERS) report(`${node.name?.text ?? 'class'}: ${[...shown].join(', ')}`, partRules.members);
}

/** Reports a member of the platform's storage, or the storage itself, however it is reached. */
function checkStorage(node: ts.Node, report: Report): void {
  const name = ts.isPropertyAccessExpression(node)
    ? node.name
    : ts.isElementAccessExpression(node)
      ? node.argumentExpression
      : ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)
        ? (node.propertyName ?? node.name)
        : undefined;
  if (!name || !(ts.isIdentifier(name) || ts.isStringLiteralLike(name))) return;
  if (STORAGE_MEMBERS.includes(name.text)) report(node.getText(), partRules.storage);
}

/** Reports whatever brings `transition` into a file: by its name, or with the whole of its module. */
function checkTransition(file: string, source: ts.SourceFile, report: Report): void {
  const isSession = (specifier: ts.Node | undefined) =>
    specifier !== undefined &&
    ts.isStringLiteralLike(specifier) &&
    posix.join(posix.dirname(file), specifier.text) === 'core/session.js';
  walk(source, (node) => {
    let found = false;
    if (ts.isImportDeclaration(node) && isSession(node.moduleSpecifier)) {
      const { phaseModifier, namedBindings } = node.importClause ?? {};
      if (namedBindings && phaseModifier !== ts.SyntaxKind.TypeKeyword) {
        found = ts.isNamespaceImport(namedBindings) || namedBindings.elements.some(isTransition);
      }
    } else if (ts.isExportDeclaration(node) && isSession(node.moduleSpecifier) && !node.isTypeOnly) {
      const { exportClause } = node;
      found = !exportClause || ts.isNamespaceExport(exportClause) || exportClause.elements.some(isTransition);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found = isSession(node.arguments[0]);
    }
    if (found) report(node.getText(), partRules.transition);
  });
}

function isTransition({ isTypeOnly, name, propertyName = name }: ts.ImportSpecifier | ts.ExportSpecifier): boolean {
  return !isTypeOnly && propertyName.text === 'transition';
}
