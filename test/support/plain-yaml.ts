/** What a file of YAML holds. */
export type Yaml = string | number | boolean | null | Yaml[] | { [key: string]: Yaml };

/**
 * Reads the YAML that `ops/` is written in: maps and lists by two spaces, scalars in a line, lists in brackets.
 *
 * Throws for anything else, so that nothing is read by half.
 */
export function readPlainYaml(text: string): Yaml {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
  let index = 0;
  const indentOf = (line = '') => line.length - line.trimStart().length;

  function block(indent: number): Yaml {
    return lines[index]?.trimStart().startsWith('- ') ? list(indent) : map(indent);
  }
  function list(indent: number): Yaml[] {
    const found: Yaml[] = [];
    while (indentOf(lines[index]) === indent && lines[index]?.trimStart().startsWith('- ')) {
      const rest = (lines[index] ?? '').trimStart().slice(2);
      if (/^[\w./-]+:( |$)/.test(rest)) {
        lines[index] = `${' '.repeat(indent + 2)}${rest}`;
        found.push(map(indent + 2));
      } else {
        index++;
        found.push(scalar(rest));
      }
    }
    return found;
  }
  function map(indent: number): { [key: string]: Yaml } {
    const found: { [key: string]: Yaml } = {};
    while (index < lines.length && indentOf(lines[index]) === indent && !lines[index]?.trimStart().startsWith('- ')) {
      const [, key, rest = ''] = /^([\w./-]+):(?: (.*))?$/.exec((lines[index] ?? '').trim()) ?? [];
      if (key === undefined || key in found) throw new Error(`Expected a key, got ${lines[index]}`);
      index++;
      const next = indentOf(lines[index]);
      found[key] = rest !== '' ? scalar(rest) : next > indent ? block(next) : null;
    }
    return found;
  }
  const value = block(0);
  if (index < lines.length) throw new Error(`Expected another indent: ${lines[index]}`);
  return value;
}

function scalar(text: string): Yaml {
  if (text.startsWith('[')) return text.slice(1, -1).split(/, */).map(scalar);
  if (text.startsWith('"')) return JSON.parse(text) as string;
  if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text === 'true' || text === 'false' ? text === 'true' : text;
}
