/** What is sent beside the text of a statement. */
export type Value = string | number | null;

/** Pieces of SQL with values between them; how a value is marked in the text is up to the client. */
export interface Statement {
  readonly texts: readonly string[];
  readonly values: readonly Value[];
}

/** Builds a statement; what is inserted becomes a value, or, if it is a statement itself, part of the text. */
export function sql(pieces: readonly string[], ...inserts: readonly (Value | Statement)[]): Statement {
  const texts = [pieces[0] ?? ''];
  const values: Value[] = [];
  inserts.forEach((insert, index) => {
    const last = texts.length - 1;
    if (typeof insert === 'object' && insert !== null) {
      const [first = '', ...rest] = insert.texts;
      texts[last] += first;
      texts.push(...rest);
      values.push(...insert.values);
    } else {
      texts.push('');
      values.push(insert);
    }
    texts[texts.length - 1] += pieces[index + 1] ?? '';
  });
  return { texts, values };
}

/** A piece of text without values, such as the name of a table; never anything that came from outside. */
export function raw(text: string): Statement {
  return { texts: [text], values: [] };
}

/** A limit, as text: MySQL takes no value there. */
export function whole(limit: number): Statement {
  return raw(String(Math.max(0, Math.floor(limit))));
}
