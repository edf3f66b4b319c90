import { defineBrowserProvider } from '@vitest/browser';
import type { BrowserProviderOption, TestProject } from 'vitest/node';
import type { EngineName, TabBrowser } from './tab-browser.js';

/** Lets vitest run tests inside a browser that we launch; without its commands for clicks and screenshots. */
export function browserProvider(name: EngineName, launch: () => Promise<TabBrowser>): BrowserProviderOption {
  return defineBrowserProvider({
    name: `debian-${name}`,
    supportedBrowser: [name],
    providerFactory(project: TestProject) {
      let browser: Promise<TabBrowser> | undefined;
      // the runner sends this before each file
      project.browser?.registerCommand('__vitest_viewport' as never, (async () => undefined) as never);
      return {
        name: `debian-${name}`,
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        async openPage(_session: string, url: string) {
          browser ??= launch();
          await (await browser).visit(url);
        },
        async close() {
          await (await browser)?.close();
          browser = undefined;
        },
      };
    },
  });
}
