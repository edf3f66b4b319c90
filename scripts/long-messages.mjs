// What would bring sentences back into pages: `npm run check:package` looks for it in the built files.
import ts from 'typescript';
import { STAYS, shortenMessages } from './short-messages.mjs';

/** The faults of the files that pages load, given as pairs of name and text. */
export function longMessages(files) {
  const faults = [];
  const parsed = files.map(([name, text]) => ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true));
  const gone = new Set([...shortenMessages().texts].filter(isSentence));
  for (const file of parsed) {
    const visit = (node) => {
      if (gone.has(node.text)) faults.push(`${file.fileName}: has a sentence of the sources, '${node.text}'`);
      if (ts.isNewExpression(node) && /^ERR_/.test(node.arguments?.[0]?.text))
        faults.push(...sentencesIn(node.arguments[1]).map((text) => `${file.fileName}: an error says '${text}'`));
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  if (gone.size < 200) faults.push(`expected hundreds of sentences to go, but only ${gone.size} did`);
  return faults;
}

function sentencesIn(message) {
  const found = [];
  const visit = (node) => {
    if (node.text !== undefined && isSentence(node.text) && !STAYS.test(message.getText())) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(message);
  return found;
}

function isSentence(text) {
  return /[a-z]\S*\s+\S*[a-z]/i.test(text);
}
