/// <reference types="node" />

// Changes single members of a JSON text and keeps everything else byte for byte: order, indentation, line ends, numbers
// that JavaScript cannot represent, duplicate names. The text has one character per byte (latin1), so that invalid UTF-8
// is kept too; the syntax of JSON is ASCII.

/** The text of a JSON object; one character is one byte. */
export type ObjectText = string & { readonly kind?: 'object' };

/** The position of a member in the text: its name, its value, and the end of the value. */
interface Member {
  readonly name: string;
  readonly from: number;
  readonly nameTo: number;
  readonly valueFrom: number;
  readonly to: number;
}

/** The text of an object without members. */
export const emptyObject: ObjectText = '{}\n';

/** The text if it is a JSON object, with or without a byte order mark. Never throws: a parser's message quotes it. */
export function readObject(bytes: Buffer): ObjectText | undefined {
  const parsed = parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  return isObject ? bytes.toString('latin1') : undefined;
}

export function toBytes(text: ObjectText): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The value of a member, of the last one if there are several; undefined if there is none. */
export function memberOf(text: ObjectText, name: string): unknown {
  const member = named(text, name).at(-1);
  return member && parse(toUtf8(text.slice(member.valueFrom, member.to)));
}

/** The text with this member set, keeping its position and the style of the text. */
export function withMember(text: ObjectText, name: string, value: unknown): ObjectText {
  const style = styleOf(text);
  const [present, another] = named(text, name);
  if (present && another) return withMember(without(text, present), name, value);
  if (present) return text.slice(0, present.valueFrom) + printed(value, style) + text.slice(present.to);
  const added = `${toLatin1(JSON.stringify(name))}${style.colon}${printed(value, style)}`;
  const last = membersOf(text).at(-1);
  if (last) return `${text.slice(0, last.to)},${style.gap}${added}${text.slice(last.to)}`;
  const [open, close] = [text.indexOf('{'), text.lastIndexOf('}')];
  return `${text.slice(0, open + 1)}${style.gap}${added}${style.lineEnd}${text.slice(close)}`;
}

/** The text without the members of this name; undefined if nothing would be left. */
export function withoutMember(text: ObjectText, name: string): ObjectText | undefined {
  const [present] = named(text, name);
  if (membersOf(text).length === (present ? 1 : 0)) return undefined;
  return present ? withoutMember(without(text, present), name) : text;
}

/** Removes a member and one comma: the one before it or, for the first member, the one after it. */
function without(text: ObjectText, { from, to }: Member): ObjectText {
  const members = membersOf(text);
  const index = members.findIndex((each) => each.from === from);
  const [before, next] = [members[index - 1], members[index + 1]];
  return before ? text.slice(0, before.to) + text.slice(to) : text.slice(0, from) + text.slice(next?.from ?? to);
}

function named(text: ObjectText, name: string): Member[] {
  return membersOf(text).filter((member) => member.name === name);
}

interface Style {
  /** White space before a member. */
  readonly gap: string;
  readonly colon: string;
  readonly indent: string;
  readonly lineEnd: string;
}

function styleOf(text: ObjectText): Style {
  const [first] = membersOf(text);
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  if (!first) return { gap: `${lineEnd}  `, colon: ': ', indent: '  ', lineEnd };
  const gap = text.slice(text.indexOf('{') + 1, first.from);
  const isSpread = gap.includes('\n');
  const colon = text.slice(first.nameTo, first.valueFrom);
  return { gap, colon, indent: isSpread ? gap.slice(gap.lastIndexOf('\n') + 1) : '', lineEnd };
}

function printed(value: unknown, { indent, lineEnd }: Style): string {
  return toLatin1(JSON.stringify(value, null, indent).replaceAll('\n', `${lineEnd}${indent}`));
}

/** The members of a text that is a valid JSON object. */
function membersOf(text: ObjectText): Member[] {
  const members: Member[] = [];
  let at = skip(text, text.indexOf('{') + 1);
  while (text[at] === '"') {
    const [from, nameTo] = [at, endOfString(text, at)];
    const valueFrom = skip(text, skip(text, nameTo) + 1);
    const to = endOfValue(text, valueFrom);
    members.push({ name: String(parse(toUtf8(text.slice(from, nameTo)))), from, nameTo, valueFrom, to });
    at = skip(text, to);
    if (text[at] === ',') at = skip(text, at + 1);
  }
  return members;
}

function skip(text: ObjectText, from: number): number {
  let at = from;
  while (/[ \t\r\n]/.test(text[at] ?? '')) at++;
  return at;
}

function endOfString(text: ObjectText, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function endOfValue(text: ObjectText, from: number): number {
  let [at, depth] = [from, 0];
  for (;;) {
    const sign = text[at] ?? '';
    if (sign === '"') {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (depth === 0 && (sign === '' || /[,}\] \t\r\n]/.test(sign))) return at;
    if (sign === '{' || sign === '[') depth++;
    if ((sign === '}' || sign === ']') && --depth === 0) return at + 1;
    at++;
  }
}

/** Undefined for what is not JSON. */
export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function toLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
