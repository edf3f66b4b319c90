import { parser } from '@prometheus-io/lezer-promql';

/** What is in a PromQL expression. */
export interface PromQl {
  /** Where it cannot be read, or undefined. */
  readonly error: string | undefined;
  /** Names of series, also those in a matcher of `__name__`, as they are written. */
  readonly metrics: readonly string[];
  /** Names of labels, in matchers and groupings. */
  readonly labels: readonly string[];
  /** Functions of a range, with the range. */
  readonly ranges: readonly (readonly [name: string, range: string])[];
  /** Numbers that something is compared with, also as a share of something. */
  readonly bounds: readonly number[];
}

const RANGES = ['rate', 'irate', 'increase', 'delta', 'deriv'];
const COMPARISONS = ['Gtr', 'Lss', 'Gte', 'Lte', 'Eql', 'Neq'];

/** Reads a PromQL expression by Prometheus' own grammar for editors. */
export function readPromQl(text: string): PromQl {
  const metrics: string[] = [];
  const labels: string[] = [];
  const ranges: [string, string][] = [];
  const bounds: number[] = [];
  let error: string | undefined;
  const of = (node: { from: number; to: number }) => text.slice(node.from, node.to);
  parser.parse(text).iterate({
    enter(node) {
      if (node.type.isError) error ??= `at ${node.from}: ${text.slice(Math.max(0, node.from - 20), node.from + 20)}`;
      if (node.name === 'Identifier') metrics.push(of(node));
      if (node.name === 'LabelName') labels.push(of(node));
      if (node.name === 'UnquotedLabelMatcher' && of(node).startsWith('__name__')) {
        metrics.push(/"(.*)"/.exec(of(node))?.[1] ?? '');
      }
      if (node.name === 'FunctionCall') {
        const call = /^(\w+)\s*\(/.exec(of(node))?.[1] ?? '';
        const selector = node.node.getChild('FunctionCallBody')?.getChild('MatrixSelector');
        const range = selector?.getChild('DurationExpr');
        if (RANGES.includes(call) && range) ranges.push([call, of(range)]);
      }
      if (node.name === 'BinaryExpr' && COMPARISONS.some((name) => node.node.getChild(name))) {
        const right = node.node.lastChild;
        const [, bound] = (right && /^([\d.]+)(?: \* .*)?$/s.exec(of(right))) ?? [];
        if (bound !== undefined) bounds.push(Number(bound));
      }
    },
  });
  return { error, metrics, labels, ranges, bounds };
}
