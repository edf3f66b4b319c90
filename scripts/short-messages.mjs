// Pages in production carry codes, not sentences: what the build of `dist/for-pages` makes of the messages of errors. A
// message is then its code, the address of its heading, and the facts of the sentence: names, numbers, what came.
// Which texts belong to messages, scripts/message-texts.mjs finds out. Descriptions of instruments go as well.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { messageTexts } from './message-texts.mjs';

/** The page that has each code as a heading. */
export const ADDRESS = 'https://github.com/evertoken/evertoken/blob/main/docs/errors.md';

/** Plain http is refused with an error that says why, also in a page. */
export const STAYS = /\bhttps\b(?!:)|allowInsecure|not secure/;

const SOURCES = new URL('../src/', import.meta.url);

/** The texts that a page goes without, and the edits that take them out, by the path of the source file. */
export function shortenMessages(folder) {
  const edits = new Map();
  const texts = new Set();
  for (const node of messageTexts(folder)) {
    const parts = partsOf(node);
    if (parts.some(({ text }) => STAYS.test(text))) continue;
    const { fileName } = node.getSourceFile();
    for (const edit of isList(node) ? [{ text: node.head.text, ...wholeOf(node) }] : editsOf(parts)) {
      texts.add(edit.text);
      edits.set(fileName, [...(edits.get(fileName) ?? []), edit]);
    }
  }
  for (const { fileName, ...edit } of descriptions(folder)) {
    texts.add(edit.text);
    edits.set(fileName, [...(edits.get(fileName) ?? []), edit]);
  }
  return { edits, texts };
}

/** How the instruments of `evertoken/otel` are described, to people who read metrics: the second member of each row. */
export function descriptions(folder = SOURCES) {
  const path = fileURLToPath(new URL('integrations/otel/instruments.ts', folder)).replaceAll('\\', '/');
  if (!existsSync(path)) return [];
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
  const tables = file.statements.filter(ts.isVariableStatement).flatMap((one) => one.declarationList.declarations);
  const rows = tables.find(({ name }) => name.text === 'INSTRUMENTS')?.initializer?.properties ?? [];
  return rows.map(({ initializer }) => {
    const text = initializer.elements?.[1];
    if (!text || !ts.isStringLiteral(text)) throw new Error(`${path}: expected rows of number, description and more`);
    return { fileName: path, text: text.text, start: text.getStart() + 1, end: text.end - 1, short: '' };
  });
}

function partsOf(node) {
  return ts.isTemplateExpression(node) ? [node.head, ...node.templateSpans.map(({ literal }) => literal)] : [node];
}

/** All that would have been accepted: it can be looked up, and is long. */
function isList(node) {
  return ts.isTemplateExpression(node) && node.head.text === 'one of ' && node.templateSpans.length === 1;
}

function wholeOf(node) {
  return { start: node.getStart(), end: node.end, short: "' '" };
}

function editsOf(parts) {
  const isSentence = parts.some(({ text }) => /\s/.test(text));
  return parts.flatMap((part) => {
    const { text, kind } = part;
    const short = isSentence || text === '.' ? shortened(text) : text;
    const isOpen = kind === ts.SyntaxKind.TemplateHead || kind === ts.SyntaxKind.TemplateMiddle;
    return short === text ? [] : [{ text, start: part.getStart() + 1, end: part.end - (isOpen ? 2 : 1), short }];
  });
}

/** A name stays, and a word between two values; of words there is a blank left, so that what was true stays true. */
function shortened(text) {
  if (text === '.') return ' ';
  return text === '' || /^([\w.]*\w[\w.]*| ?[a-z]+:? ?|: )$/.test(text) ? text : ' ';
}

/** For esbuild. */
export function shortMessages() {
  let edits;
  return {
    name: 'short-messages',
    setup({ onStart, onLoad }) {
      onStart(() => {
        edits = shortenMessages().edits;
      });
      onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
        const text = edited(readFileSync(path, 'utf8'), edits.get(path.replaceAll('\\', '/')) ?? []);
        return { contents: /[\\/]src[\\/]errors\.ts$/.test(path) ? withCode(text) : text, loader: 'ts' };
      });
    },
  };
}

function edited(text, edits) {
  const fromTheEnd = edits.toSorted((one, other) => other.start - one.start);
  return fromTheEnd.reduce((left, { start, end, short }) => left.slice(0, start) + short + left.slice(end), text);
}

/** The class that all errors extend puts code, address and facts together. */
function withCode(text) {
  const own = 'super(message, ';
  if (text.split(own).length !== 2) throw new Error(`src/errors.ts: expected '${own}' once, where the message is set`);
  return `${text.replace(own, 'super(short(code, message), ')}
function short(code: string, message: string): string {
  const facts = message.match(/\\S+/g)?.join(' ');
  return \`\${code}: see ${ADDRESS}#\${code.toLowerCase()}\${facts ? \` (\${facts})\` : ''}\`;
}
`;
}
