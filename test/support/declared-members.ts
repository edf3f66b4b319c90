import { readFileSync } from 'node:fs';
import ts from 'typescript';

type Declaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

const root = new URL('../../', import.meta.url);

/** What a source file declares, by name: members of interfaces, and the literals of unions. */
export interface Declared {
  /** The names of the members of an interface; those with a computed name are left out. */
  members(name: string): string[];
  /** Of an interface whose members are `Fact & { ... }`: the members of each, `Fact` left out. */
  payloads(name: string): Record<string, string[]>;
  /** The strings of a union. */
  literals(name: string): string[];
  /** The names of the type aliases that end like this. */
  aliases(ending: string): string[];
}

/** Reads a source file of the repository. */
export function readDeclared(path: string): Declared {
  const source = ts.createSourceFile(path, readFileSync(new URL(path, root), 'utf8'), ts.ScriptTarget.Latest, true);
  const declarations = new Map<string, Declaration>();
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      declarations.set(statement.name.text, statement);
    }
  }

  function find(name: string): Declaration {
    const found = declarations.get(name);
    if (!found) throw new Error(`${path} declares no ${name}`);
    return found;
  }

  function fieldsOf(node: ts.Node | undefined): string[] {
    if (!node) return [];
    if (ts.isIntersectionTypeNode(node)) return node.types.flatMap(fieldsOf);
    if (ts.isTypeLiteralNode(node)) return namesOf(node.members);
    if (!ts.isTypeReferenceNode(node) || node.typeName.getText() === 'Fact') return [];
    return members(node.typeName.getText());
  }

  function members(name: string): string[] {
    const found = find(name);
    return ts.isInterfaceDeclaration(found) ? namesOf(found.members) : fieldsOf(found.type);
  }

  return {
    members,
    payloads: (name) => {
      const found = find(name);
      if (!ts.isInterfaceDeclaration(found)) throw new Error(`${name} is no interface`);
      return Object.fromEntries(
        found.members.filter(ts.isPropertySignature).map((member) => [member.name.getText(), fieldsOf(member.type)]),
      );
    },
    literals: (name) =>
      [
        ...find(name)
          .getText()
          .matchAll(/'([^']+)'/g),
      ].map(([, text = '']) => text),
    aliases: (ending) => [...declarations.keys()].filter((name) => name.endsWith(ending)),
  };
}

function namesOf(members: ts.NodeArray<ts.TypeElement>): string[] {
  return members.flatMap(({ name }) => (name && ts.isIdentifier(name) ? [name.text] : []));
}
