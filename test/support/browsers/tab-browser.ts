/** One browser with one profile, in which several tabs are open. */
export interface TabBrowser {
  readonly name: EngineName;
  /** Opens a tab and waits until its page is ready. */
  open(url: string): Promise<Tab>;
  /** Opens a tab and does not wait for its page. */
  visit(url: string): Promise<void>;
  close(): Promise<void>;
}

export type EngineName = 'chromium' | 'firefox' | 'webkit';

/** One tab, in a process of its own. */
export interface Tab {
  /** Calls `window.page[name](...args)` in the tab, with and to values that JSON can hold. */
  call<T = unknown>(name: string, ...args: unknown[]): Promise<T>;
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  /** Brings the tab to the front; the one that was there is hidden. */
  show(): Promise<void>;
  /** Stops everything in the tab, as a browser or a debugger does, with whatever it holds in its hands. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends the process of the tab. */
  crash(): Promise<void>;
  close(): Promise<void>;
}
