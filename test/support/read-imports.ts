import ts from 'typescript';

/** One edge from a file to another file or to a package. */
export interface Edge {
  /** As written, such as `../errors.js` or `mitt`. */
  readonly specifier: string;
  /** Nothing of it is left at run time: `import type`, `export type … from`, `import('…').Name` in a type. */
  readonly typeOnly: boolean;
  /** `import('…')` as an expression: loaded when reached, not when the file is. */
  readonly dynamic: boolean;
}

/** Parses a source file; positions are kept, types are not resolved. */
export function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
}

/** Calls the visitor for every node of a tree, the root included. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** Every import and re-export of a file, wherever in it they stand. */
export function readImports(file: ts.SourceFile): Edge[] {
  const edges: Edge[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean, dynamic = false): void => {
    // a computed specifier is reported as written: no table allows it
    if (specifier) {
      edges.push({
        specifier: ts.isStringLiteralLike(specifier) ? specifier.text : specifier.getText(file),
        typeOnly,
        dynamic,
      });
    }
  };
  walk(file, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node.moduleReference.expression, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument, true);
    } else if (ts.isCallExpression(node)) {
      const dynamic = node.expression.kind === ts.SyntaxKind.ImportKeyword;
      if (dynamic || (ts.isIdentifier(node.expression) && node.expression.text === 'require')) {
        add(node.arguments[0], false, dynamic);
      }
    }
  });
  return edges;
}
