const places = new WeakMap<object, object>();
const services = new WeakMap<object, Map<string, object>>();

/** Identifies the place in which a storage keeps its items; the same object for two storages in one place. */
export function placeOf(storage: object): object {
  return places.get(storage) ?? storage;
}

/** The same storage, known to keep things under this service of this module. */
export function inPlace<T extends object>(storage: T, module: object, service: string): T {
  const known = services.get(module) ?? new Map<string, object>();
  services.set(module, known);
  const place = known.get(service) ?? {};
  known.set(service, place);
  places.set(storage, place);
  return storage;
}

const alone = new WeakSet<object>();

/** The same storage, known to be seen by this tab alone. */
export function forOneTab<T extends object>(storage: T): T {
  alone.add(storage);
  return storage;
}

/** Whether no other tab can see what is in this storage: it is for one tab, or has fallen back to memory. */
export function hasNoPeers(storage: { readonly fault?: unknown }): boolean {
  return alone.has(storage) || storage.fault !== undefined;
}
