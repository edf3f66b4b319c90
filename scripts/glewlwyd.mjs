// Fetches the authorization server Glewlwyd for the tests that sign in at it: `npm run glewlwyd`, on Debian.
// Its package is taken apart rather than installed: an installation asks for a database and starts a service.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = fileURLToPath(new URL('../node_modules/.cache/glewlwyd', import.meta.url));
const binary = join(target, 'usr/bin/glewlwyd');

if (!existsSync(binary)) {
  const folder = mkdtempSync(join(tmpdir(), 'evertoken-glewlwyd-'));
  const root = join(folder, 'root');
  const download = () => execFileSync('apt-get', ['download', '-q', 'glewlwyd'], { cwd: folder, stdio: 'pipe' });
  try {
    download();
  } catch {
    execFileSync('apt-get', ['update', '-q'], { stdio: 'inherit' }); // a machine without any list of packages
    download();
  }
  const [file] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  execFileSync('dpkg', ['-x', file, root], { cwd: folder });
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, '..'), { recursive: true });
  try {
    renameSync(root, target);
  } catch {
    execFileSync('cp', ['-a', root, target]); // another file system
  }
  rmSync(folder, { recursive: true });
}
const missing = execFileSync('ldd', [binary], { encoding: 'utf8' }).match(/^.*not found.*$/gm) ?? [];
for (const line of missing) console.error(line.trim());
if (missing.length > 0) process.exit(1);
console.log(`Glewlwyd is in ${target}`);
