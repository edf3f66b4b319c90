type Child = Node | string;

/** Makes an element; names that begin with `on` are listeners, all others attributes. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  settings: Readonly<Record<string, string | ((event: Event) => void)>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(settings)) {
    if (typeof value === 'string') element.setAttribute(key, value);
    else element.addEventListener(key.slice(2), value);
  }
  element.append(...children);
  return element;
}

/** Writes a text where it changed: whoever reads or has selected the old one is not disturbed. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The time of day, as the user writes it. */
export function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString();
}
