import { posix } from 'node:path';
import type { Edge } from './read-imports.js';

/** A folder of src, or a single file with a rule of its own. */
export type Layer = keyof typeof table;

interface Row {
  /** Layers whose code it may import; its own folder only if it is listed. */
  readonly code: readonly string[];
  /** Layers that it may name in types, beyond those in `code`. */
  readonly types: readonly string[];
  /** Whether it may import this package or `node:` module; absent: none. */
  readonly packages?: (edge: Edge, file: string) => boolean;
  /** The rule in words, printed with each violation. */
  readonly rule: string;
}

// Who may import whom; the table of CONTRIBUTING.md, line by line.
export const table = {
  errors: {
    code: [],
    types: [],
    rule: 'errors imports nothing.',
  },
  core: {
    code: ['core', 'errors'],
    types: [],
    packages: (edge) => edge.specifier === 'jwt-decode',
    rule: 'core imports errors and jwt-decode, nothing else: it decides and knows no world.',
  },
  ports: {
    code: [],
    types: ['ports', 'core', 'errors'],
    rule: 'ports are interfaces: they import types of ports, core and errors, never code.',
  },
  sealing: {
    code: ['sealing', 'errors'],
    types: [],
    rule: 'sealing imports errors and nothing else: it makes texts unreadable with WebCrypto, and knows no store.',
  },
  time: {
    code: [],
    types: ['ports'],
    rule: "time imports types of ports and nothing else: the system's clock, for whatever keeps time by itself.",
  },
  adapters: {
    code: ['ports', 'core', 'errors', 'sealing'],
    types: [],
    packages: (edge) => isNode(edge) || !['mitt', 'jwt-decode', 'msw'].includes(edge.specifier),
    rule: 'adapters import ports, core, errors, sealing, adapters/parts and the one library they are about; never another adapter, never manager.',
  },
  manager: {
    code: ['manager', 'ports', 'core', 'errors'],
    types: [],
    packages: (edge) => edge.specifier === 'mitt',
    rule: 'manager imports ports, core, errors and mitt; never adapters, presets or a runtime.',
  },
  presets: {
    code: ['adapters', 'time'],
    types: ['manager', 'ports'],
    packages: isNode,
    rule: 'presets import adapters, time, and types of manager and ports; never core.',
  },
  integrations: {
    code: ['integrations', 'core', 'errors', 'time'],
    types: ['manager'],
    packages: (edge, file) => isLibraryOf(edge, file),
    rule: 'integrations import types of manager, errors, time, pure functions of core and the one library they are about; node: modules on demand in loopback alone; the default platform in devtools alone; never ports or adapters.',
  },
  services: {
    code: ['services', 'integrations', 'core', 'errors', 'time'],
    types: ['manager', 'ports'],
    rule: 'services are built on managers, for servers: they import types of manager and ports, core, errors, time, integrations and other services; never adapters, presets or a framework.',
  },
  testing: {
    code: ['testing', 'ports', 'core', 'errors'],
    types: [],
    packages: (edge, file) =>
      edge.specifier === 'msw'
        ? /^testing\/msw[a-z-]*\.ts$/.test(file)
        : isNode(edge) && (edge.typeOnly || edge.dynamic),
    rule: 'testing imports ports, core and errors; no test runner; msw only in testing/msw*.ts; node: modules only on demand, by import().',
  },
  dpop: {
    code: ['integrations', 'adapters'],
    types: ['manager', 'ports'],
    rule: 'dpop re-exports a sender of integrations and keys of adapters, and types of manager and ports; no logic.',
  },
  'create-token-manager': {
    code: ['manager', 'presets', 'errors'],
    types: ['ports', 'core'],
    rule: 'create-token-manager imports manager, presets and errors, and types of ports and core.',
  },
  index: {
    code: ['create-token-manager', 'manager', 'presets', 'adapters', 'integrations', 'core', 'ports', 'errors'],
    types: [],
    rule: 'index re-exports the names of src; testing and packages are not part of it.',
  },
} as const satisfies Record<string, Row>;

/** The layer of a path inside src, such as `core/session.ts`; undefined where the tree has no such place. */
export function layerOf(path: string): Layer | undefined {
  const [first = '', second] = path.split('/');
  const name = first.replace(/\.tsx?$/, '');
  const isFile = second === undefined;
  const single = ['errors', 'index', 'create-token-manager', 'testing', 'dpop'].includes(name);
  const folder = !['errors', 'index', 'create-token-manager', 'dpop'].includes(name);
  return name in table && (isFile ? single : folder) ? (name as Layer) : undefined;
}

/** The rule that an edge breaks, or undefined when the table allows it. */
export function forbidden(file: string, edge: Edge, dependencies: readonly string[]): string | undefined {
  const layer = layerOf(file);
  if (!layer) return undefined; // reported as a file outside the tree
  const row: Row = table[layer];
  if (!edge.specifier.startsWith('.')) {
    const ours = isNode(edge) || dependencies.includes(edge.specifier) || edge.specifier === 'msw';
    return ours && row.packages?.(edge, file) ? undefined : row.rule;
  }
  const target = posix.join(posix.dirname(file), edge.specifier);
  const to = layerOf(target.replace(/\.js$/, '.ts'));
  const isOurs = adapterOf(target) === adapterOf(file) || adapterOf(target) === 'parts';
  if (layer === 'adapters' && to === layer && isOurs) return undefined;
  // whoever replaces parts of a platform has to know the one that would be the default
  if (file.startsWith('integrations/devtools/') && target === 'presets/in-process.js') return undefined;
  if (to && (row.code.includes(to) || (edge.typeOnly && row.types.includes(to)))) return undefined;
  return row.rule;
}

/** The library that an integration is about; what listens on a port loads Node's own on demand. */
function isLibraryOf(edge: Edge, file: string): boolean {
  if (isNode(edge)) return file === 'integrations/loopback.ts' && (edge.typeOnly || edge.dynamic);
  return edge.specifier === 'react' && file.startsWith('integrations/react');
}

/** `adapters/indexed-db.ts` and `adapters/indexed-db/cipher.ts` are one adapter. */
function adapterOf(path: string): string | undefined {
  return path.split('/')[1]?.replace(/\.[jt]s$/, '');
}

/** A module of Node itself. */
export function isNode(edge: Edge): boolean {
  return edge.specifier.startsWith('node:');
}
