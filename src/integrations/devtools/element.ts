import type { TokenManager } from '../../manager/token-manager.js';
import { make, write } from './elements.js';
import { keepJournal } from './journal.js';
import { createPanel, type Panel } from './panel.js';
import { STYLE } from './style.js';
import { openTabs, type Tabs } from './tabs.js';
import { simulationOf } from './with-devtools.js';

const NAME = 'evertoken-devtools';
const DRAWN_EVERY_MS = 500;

/** `<evertoken-devtools>`; the attributes `open` and `heading` say the same as the properties. */
export interface DevtoolsElement extends HTMLElement {
  /** The manager that it shows. */
  tokens: TokenManager | undefined;
  /** Whether the panel is open; default `false`. */
  open: boolean;
  /** What it is called; default `evertoken`. */
  heading: string;
}

/**
 * Registers `<evertoken-devtools>`; give the element its manager by the property `tokens`.
 *
 * Does nothing where there are no custom elements, as on a server, or where the name is taken.
 */
export function defineDevtools(): void {
  const registry = globalThis.customElements;
  if (!registry || registry.get(NAME)) return;
  registry.define(NAME, createElementClass());
}

/** Made on the first call: on a server there is no HTMLElement to extend. */
function createElementClass(): CustomElementConstructor {
  return class extends HTMLElement {
    static readonly observedAttributes = ['open', 'heading'];
    readonly #view = createView(this);
    #tokens: TokenManager | undefined;

    get tokens(): TokenManager | undefined {
      return this.#tokens;
    }
    set tokens(tokens: TokenManager | undefined) {
      this.#tokens = tokens;
      if (this.isConnected) this.#view.connect(tokens);
    }
    get open(): boolean {
      return this.hasAttribute('open');
    }
    set open(open: boolean) {
      this.toggleAttribute('open', open);
    }
    get heading(): string {
      return this.getAttribute('heading') ?? 'evertoken';
    }
    set heading(heading: string) {
      this.setAttribute('heading', heading);
    }
    connectedCallback(): void {
      const { tokens } = this;
      Reflect.deleteProperty(this, 'tokens'); // which may have been set before the element was defined
      this.tokens = tokens;
    }
    disconnectedCallback(): void {
      this.#view.connect(undefined);
    }
    attributeChangedCallback(): void {
      this.#view.update();
    }
  };
}

/** What the element shows; it listens and draws only while the panel is open and can be seen. */
function createView(host: HTMLElement): { connect(tokens: TokenManager | undefined): void; update(): void } {
  const root = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet(); // which no content security policy forbids, unlike a <style>
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const setOpen = (open: boolean) => {
    host.toggleAttribute('open', open);
    if (open) close.focus();
    else toggle.focus();
  };
  const toggle = make('button', { class: 'toggle', onclick: () => setOpen(true) });
  const title = make('h2', { id: 'title' });
  const close = make('button', { 'aria-label': 'Close', onclick: () => setOpen(false) }, '✕');
  const body = make('div', { class: 'group' });
  const section = make('section', { 'aria-labelledby': 'title', hidden: '' }, make('header', {}, title, close), body);
  section.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') setOpen(false);
  });
  root.append(toggle, section);

  let kept: ReturnType<typeof keepJournal> | undefined;
  let tokens: TokenManager | undefined;
  let opened: { panel: Panel; tabs: Tabs; stop(): void } | undefined;

  function shut(): void {
    opened?.stop();
    opened?.tabs.close();
    opened = undefined;
    body.replaceChildren();
  }

  function update(): void {
    const name = host.getAttribute('heading') ?? 'evertoken';
    write(title, name);
    write(toggle, name);
    const isOpen = host.hasAttribute('open');
    section.hidden = !isOpen;
    toggle.hidden = isOpen;
    if (!isOpen || !tokens || !kept) shut();
    if (!isOpen || !tokens || !kept || opened) return;
    const tabs = openTabs();
    const panel = createPanel(tokens, kept.journal, tabs);
    body.replaceChildren(...panel.parts);
    opened = { panel, tabs, stop: drawWhileVisible(panel, tokens) };
  }

  return {
    update,
    connect(next) {
      if (next === tokens) return update();
      shut();
      kept?.release();
      tokens = next;
      kept = next && keepJournal(next);
      update();
    },
  };
}

/** Draws at most twice a second, and not at all in a hidden page; what a button switched is shown in the same rhythm. */
function drawWhileVisible(panel: Panel, tokens: TokenManager): () => void {
  let timer: ReturnType<typeof setInterval> | undefined;
  const look = () => {
    clearInterval(timer);
    if (document.visibilityState === 'hidden') return;
    panel.draw();
    timer = setInterval(panel.draw, DRAWN_EVERY_MS);
  };
  document.addEventListener('visibilitychange', look);
  look();
  const stopFaults = simulationOf(tokens)?.faults.subscribe(panel.drawFaults);
  return () => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', look);
    stopFaults?.();
  };
}
