import { readFileSync } from 'node:fs';

const read = (path: string) => readFileSync(new URL(`../../ops/${path}`, import.meta.url), 'utf8');

/** The rules that the package brings, with every duration divided by 60: a minute becomes a second. */
export function quickRules(): string {
  return read('prometheus/evertoken.rules.yml').replaceAll(/\b(\d+)([mhd])\b/g, (_, count: string, unit: string) => {
    if (unit === 'm') return `${count}s`;
    return unit === 'h' ? `${count}m` : `${Number(count) * 24}m`;
  });
}

/**
 * The routes that the package brings, with a webhook for each receiver.
 *
 * They leave `group_wait`, `group_interval` and `repeat_interval` at Alertmanager's 30 s, 5 m and 4 h, of which these are
 * the sixtieth part.
 */
export function quickRoutes(webhook: string): string {
  return read('alertmanager/evertoken.yml')
    .replace(/^route:$/m, 'route:\n  group_wait: 500ms\n  group_interval: 5s\n  repeat_interval: 4m')
    .replaceAll(
      /^ {2}- name: (.+)$/gm,
      `  - name: $1\n    webhook_configs: [{ url: '${webhook}/$1', send_resolved: true }]`,
    );
}

/** Which page to open for each alert. */
export function runbooks(): ReadonlyMap<string, string> {
  const rules = read('prometheus/evertoken.rules.yml');
  const found = rules.matchAll(/- alert: (\w+)[\s\S]*?(docs\/runbooks\/[a-z-]+\.md)/g);
  return new Map([...found].map(([, name = '', page = '']) => [name, page]));
}
