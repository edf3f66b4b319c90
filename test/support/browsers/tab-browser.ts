/** One browser with one profile, in which several tabs are open. */
export interface TabBrowser {
  readonly name: EngineName;
  /** Opens a tab and waits until its page has set `globalThis.page`. */
  open(url: string): Promise<Tab>;
  /** The same in a private window beside the others: with storages of its own, which are empty. */
  openApart(url: string): Promise<Tab>;
  /** Opens a tab and does not wait for its page. */
  visit(url: string): Promise<void>;
  close(): Promise<void>;
}

/** How to start a browser. */
export interface LaunchOptions {
  /** A host name that is to lead to this machine; unlike `localhost`, it makes no secure context. */
  name?: string;
  /** The folder of its profile; default one that goes with it. WebKitGTK keeps its own in memory. */
  profile?: string;
  /** Whether its windows are private. WebKitGTK keeps its profile in memory anyway. */
  isPrivate?: boolean;
  /**
   * Whether the tabs of WebKitGTK are windows, all of which are seen. MiniBrowser opens a window only for the tab in front
   * (it listens to `create` of no other), and tabs that the driver opens never are: `open` gives null, in a click too.
   */
  inWindows?: boolean;
}

export type EngineName = 'chromium' | 'firefox' | 'webkit';

/** One tab, in a process of its own. */
export interface Tab {
  /** Runs a function in the tab that sees nothing of its surroundings here, with and to values that JSON can hold. */
  run<Args extends unknown[], T>(task: (...args: Args) => T | Promise<T>, ...args: Args): Promise<T>;
  /** Presses what this selector finds, as a user does: browsers open windows for users only. */
  click(selector: string): Promise<void>;
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  forward(): Promise<void>;
  /**
   * Brings the tab to the front; the one that was there is hidden. Not in WebKitGTK, where all of them stay hidden, or
   * are seen (`inWindows`).
   */
  show(): Promise<void>;
  /** Stops everything in the tab, as a browser or a debugger does, with whatever it holds in its hands. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends the process of the tab. */
  crash(): Promise<void>;
  close(): Promise<void>;
}
