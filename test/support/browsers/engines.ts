import { existsSync } from 'node:fs';
import { launchChromium, launchFirefox } from './puppeteer-tabs.js';
import type { EngineName, LaunchOptions, TabBrowser } from './tab-browser.js';
import { launchWebKit } from './webkit-tabs.js';

export interface Engine {
  readonly name: EngineName;
  readonly binary: string;
  launch(options?: LaunchOptions): Promise<TabBrowser>;
}

/** The browsers of Debian's packages chromium, firefox-esr, webkit2gtk-driver (with xvfb). */
const all: readonly Engine[] = [
  { name: 'chromium', binary: '/usr/bin/chromium', launch: launchChromium },
  { name: 'firefox', binary: '/usr/bin/firefox-esr', launch: launchFirefox },
  { name: 'webkit', binary: '/usr/bin/WebKitWebDriver', launch: launchWebKit },
];

/** Those that this machine has, and of them those named in TABS_ENGINES, if it is set. */
export const engines: readonly Engine[] = all.filter(({ name, binary }) => {
  if (process.env.TABS_ENGINES && !process.env.TABS_ENGINES.split(',').includes(name)) return false;
  if (existsSync(binary)) return true;
  if (process.env.REQUIRE_BROWSERS) throw new Error(`Expected ${name} at ${binary}, because REQUIRE_BROWSERS is set.`);
  console.warn(`skipped: ${name}, because ${binary} is missing`);
  return false;
});
