// Finds in the sources every text that may become part of an error's message, wherever it is written: in the argument
// itself, in a constant, in what a function returns, in an argument that is passed on, in a member of an object.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../', import.meta.url);
const PASSES_ON = new Set(['join', 'filter', 'flat', 'concat', 'replace', 'trim', 'slice']);

/**
 * The literals and templates of a folder that flow into messages of evertoken's errors and nowhere else; none of `testing`,
 * whose sentences are what it is there for.
 */
export function messageTexts(folder = new URL('src/', root)) {
  const program = readProgram(folder);
  const checker = program.getTypeChecker();
  const start = fileURLToPath(folder).replaceAll('\\', '/');
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(start) && !/^testing[/.]/.test(fileName.slice(start.length)));
  const uses = indexUses(files, checker);
  const messages = [];
  for (const file of files) each(file, (node) => messages.push(...messageOf(node, checker)));
  // what is used for anything else is not followed
  const elsewhere = new Set();
  for (;;) {
    const { texts, seen, followed } = trace(messages, { checker, uses, elsewhere });
    const usesOf = (one) => [one, ...(uses.unpacked.get(one) ?? [])].flatMap((it) => uses.references.get(it) ?? []);
    const more = [...followed].filter((one) => usesOf(one).some((node) => !isHarmless(node, seen)));
    if (more.length === 0) return texts;
    for (const one of more) elsewhere.add(one);
  }
}

function trace(messages, { checker, uses, elsewhere }) {
  const texts = new Set();
  const seen = new Set();
  const followed = new Set();
  const follow = (symbol) => {
    if (!symbol || elsewhere.has(symbol)) return false;
    followed.add(symbol);
    return true;
  };
  const open = [...messages];
  for (const node of open) {
    if (!node || seen.has(node)) continue;
    seen.add(node);
    if (ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)) texts.add(node);
    open.push(...comesFrom(node, { checker, uses, follow }));
  }
  return { texts, seen, followed };
}

/** Whether a use of a text does not depend on its words: it goes into a message, or is asked whether it is there. */
function isHarmless(node, seen) {
  if (seen.has(node)) return true;
  const { parent } = node;
  if (ts.isPrefixUnaryExpression(parent) || ts.isTypeOfExpression(parent) || ts.isIfStatement(parent)) return true;
  if (ts.isConditionalExpression(parent)) return parent.condition === node || isHarmless(parent, seen);
  if (ts.isParenthesizedExpression(parent)) return isHarmless(parent, seen);
  if (!ts.isBinaryExpression(parent)) return false;
  const operator = parent.operatorToken.getText();
  if (/^[!=]==$/.test(operator))
    return /^(undefined|null)$/.test((parent.left === node ? parent.right : parent.left).getText());
  if (operator === '&&' && parent.left === node) return true;
  return (
    /^(&&|\|\||\?\?|=|\+=)$/.test(operator) &&
    (operator.endsWith('=') ? parent.left === node : isHarmless(parent, seen))
  );
}

function readProgram(folder) {
  const path = fileURLToPath(new URL('tsconfig.json', root));
  const { config } = ts.readConfigFile(path, (name) => readFileSync(name, 'utf8'));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, fileURLToPath(root));
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const paths = names.map((name) => fileURLToPath(new URL(name.replaceAll('\\', '/'), folder)));
  return ts.createProgram(paths, { ...options, rootDir: undefined });
}

function each(node, visit) {
  visit(node);
  ts.forEachChild(node, (child) => each(child, visit));
}

/** The message of `new XError(code, message)`, where XError is one of evertoken's classes. */
function messageOf(node, checker) {
  if (!ts.isNewExpression(node)) return [];
  const isOurs = (type) =>
    type?.symbol?.name === 'TokenError' || (type?.isClass() && (checker.getBaseTypes(type) ?? []).some(isOurs));
  return isOurs(checker.getTypeAtLocation(node)) ? [node.arguments?.[1]] : [];
}

/** Who calls which function with what, what is given for which member or variable, and where each of them is used. */
function indexUses(files, checker) {
  const uses = { calls: new Map(), given: new Map(), references: new Map(), unpacked: new Map() };
  const add = (map, key, value) => {
    const known = map.get(key);
    if (known) known.push(value);
    else if (key) map.set(key, [value]);
  };
  const index = (node) => {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const { declaration } = checker.getResolvedSignature(node) ?? {};
      add(uses.calls, declaration, node.arguments ?? []);
      add(uses.references, declaration, node);
    } else if (ts.isBinaryExpression(node) && /^\+?=$/.test(node.operatorToken.getText())) {
      for (const declaration of declarationsOf(node.left, checker)) add(uses.given, declaration, node.right);
    } else if (ts.isObjectLiteralExpression(node)) {
      const wanted = checker.getContextualType(node);
      for (const member of node.properties) {
        if (!member.name) continue;
        const symbol = wanted && checker.getPropertyOfType(checker.getNonNullableType(wanted), member.name.getText());
        for (const one of symbol?.declarations ?? []) add(uses.given, one, member.initializer ?? member.name);
      }
    } else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent) && !node.dotDotDotToken) {
      const name = (node.propertyName ?? node.name).getText();
      const member = checker.getTypeAtLocation(node.parent).getProperty(name);
      for (const one of member?.declarations ?? []) add(uses.unpacked, one, node);
    } else if (ts.isIdentifier(node) && isUse(node)) {
      const isMember = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
      for (const one of declarationsOf(node, checker)) add(uses.references, one, isMember ? node.parent : node);
    }
  };
  for (const file of files) each(file, index);
  return uses;
}

/** Not where something is declared, imported or called, nor its type. */
function isUse(node) {
  const { parent } = node;
  const isNamed =
    parent.name === node && !ts.isPropertyAccessExpression(parent) && !ts.isShorthandPropertyAssignment(parent);
  const isCalled = ts.isCallExpression(parent) && parent.expression === node;
  return !(
    isNamed ||
    isCalled ||
    ts.isImportSpecifier(parent) ||
    ts.isExportSpecifier(parent) ||
    ts.isTypeQueryNode(parent)
  );
}

/** Where the variable, function or member was declared; for a constant that is a function, that one. */
function declarationsOf(node, checker) {
  if (!ts.isIdentifier(node)) return [];
  const found = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  const symbol = found && found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
  return (symbol?.declarations ?? []).flatMap((one) =>
    one.initializer && ts.isFunctionLike(one.initializer) ? [one, one.initializer] : [one],
  );
}

/** The expressions that the value of this one is made of. */
function comesFrom(node, world) {
  if (ts.isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
  if (ts.isConditionalExpression(node)) return [node.whenTrue, node.whenFalse];
  if (ts.isBinaryExpression(node)) {
    return /^(\+|\?\?|\|\||&&)$/.test(node.operatorToken.getText()) ? [node.left, node.right] : [];
  }
  if (ts.isArrayLiteralExpression(node)) return [...node.elements];
  if (ts.isObjectLiteralExpression(node)) return node.properties.map((member) => member.initializer);
  if (ts.isCallExpression(node)) return returned(node, world);
  if (ts.isElementAccessExpression(node)) return [node.expression];
  if (ts.isIdentifier(node)) return declarationsOf(node, world.checker).flatMap((one) => declared(one, world));
  if (ts.isPropertyAccessExpression(node)) {
    return declarationsOf(node.name, world.checker).flatMap((one) => declared(one, world));
  }
  const isWrapped = ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isSatisfiesExpression(node);
  return isWrapped || ts.isSpreadElement(node) || ts.isAwaitExpression(node) ? [node.expression] : [];
}

function returned(call, { checker, follow }) {
  const callee = call.expression;
  const { declaration } = checker.getResolvedSignature(call) ?? {};
  if (declaration?.body) return follow(declaration) ? results(declaration.body) : [];
  return ts.isPropertyAccessExpression(callee) && PASSES_ON.has(callee.name.text) ? [callee.expression] : [];
}

function results(body) {
  if (!ts.isBlock(body)) return [body];
  const found = [];
  const visit = (node) => {
    if (ts.isFunctionLike(node)) return;
    if (ts.isReturnStatement(node)) found.push(node.expression);
    ts.forEachChild(node, visit);
  };
  visit(body);
  return found;
}

/** What was given for a variable, a parameter or a member. */
function declared(declaration, world) {
  const { uses, follow } = world;
  if (!/^(Variable|Parameter|Binding|Property|ShorthandProperty)/.test(ts.SyntaxKind[declaration.kind])) return [];
  if (!follow(declaration)) return [];
  const given = [declaration.initializer, ...(uses.given.get(declaration) ?? [])];
  if (ts.isParameter(declaration)) return [...given, ...passed(declaration, uses)];
  if (ts.isBindingElement(declaration)) return [...given, ...unpacked(declaration, world)];
  return ts.isShorthandPropertyAssignment(declaration) ? [...given, declaration.name] : given;
}

function passed(parameter, { calls }) {
  const index = parameter.parent.parameters.indexOf(parameter);
  const all = calls.get(parameter.parent) ?? [];
  return all.flatMap((given) => (parameter.dotDotDotToken ? given.slice(index) : [given[index]]));
}

function unpacked(element, world) {
  const pattern = element.parent;
  if (ts.isArrayBindingPattern(pattern)) return [pattern.parent.initializer];
  const name = (element.propertyName ?? element.name).getText();
  const member = world.checker.getTypeAtLocation(pattern).getProperty(name);
  return (member?.declarations ?? []).flatMap((one) => declared(one, world));
}
