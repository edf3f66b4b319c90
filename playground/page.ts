import { evertokenClient } from './evertoken.js';
import { interceptorClient } from './interceptor.js';
import { type Link, readLink, writeLink } from './permalink.js';
import { PRESETS, type Preset, take } from './presets.js';
import { type Action, createRun, type Run, SWITCHES, type Switch } from './run.js';
import { createView } from './view.js';

const TICK_MS = 100;

/** The playground in a page; `address` is where its link is kept. */
export interface Playground {
  /** Lets so much time pass in both worlds. */
  advance(ms: number): Promise<void>;
  stop(): void;
}

/** Both worlds, and the preset that is played in them. */
interface Game {
  readonly runs: readonly [Run, Run];
  readonly preset: Preset;
  readonly on: Set<Switch>;
  /** Since the start. */
  nowMs: number;
  step: number;
}

/** Shows the playground in an element, and plays. */
export function startPlayground(target: HTMLElement, address: { hash: string }): Playground {
  let link = readLink(address.hash);
  let game = newGame(link);
  let isPlaying = true;
  let busy = Promise.resolve();

  const view = createView(target, {
    start: (next) => {
      link = { ...link, ...next, on: next.preset === undefined ? link.on : [] };
      game = newGame(link);
      save();
    },
    speed: (speed) => {
      link = { ...link, speed };
      save();
    },
    play: (playing) => {
      isPlaying = playing;
    },
    step: () => void advance(10_000),
    toggle: (name) => {
      if (!game.on.delete(name)) game.on.add(name);
      for (const run of game.runs) run.set(name, game.on.has(name));
      link = { ...link, on: SWITCHES.filter((one) => game.on.has(one)) };
      save();
    },
    act: (action: Action, tab?: number) => {
      for (const run of game.runs) run.act(action, tab);
      void advance(0);
    },
    freeze: (tab, frozen) => {
      for (const run of game.runs) run.setFrozen(tab, frozen);
    },
  });

  function save(): void {
    address.hash = writeLink(link);
    void advance(0);
  }

  /** One after the other, so that a slow machine falls behind instead of drowning. */
  function advance(ms: number): Promise<void> {
    const current = game;
    busy = busy.then(async () => {
      if (current !== game) return;
      await pass(game, ms);
      view.draw(
        link,
        game,
        isPlaying,
        game.runs.map((run) => run.look()),
      );
    });
    return busy;
  }

  let isDue = true;
  const timer = setInterval(() => {
    if (!isPlaying || !isDue || document.visibilityState === 'hidden') return;
    isDue = false;
    void advance(TICK_MS * link.speed).finally(() => {
      isDue = true;
    });
  }, TICK_MS);
  save();
  return { advance, stop: () => clearInterval(timer) };
}

function newGame({ preset, seed, on }: Link): Game {
  const found = PRESETS.find(({ name }) => name === preset) ?? (PRESETS[0] as Preset);
  const runs = [createRun(seed, evertokenClient), createRun(seed, interceptorClient)] as const;
  for (const run of runs) for (const name of on) run.set(name, true);
  return { runs, preset: found, on: new Set(on), nowMs: 0, step: 0 };
}

/** Lets time pass, and does what the preset does meanwhile. */
async function pass(game: Game, ms: number): Promise<void> {
  const endMs = game.nowMs + ms;
  for (let step = game.preset.steps[game.step]; step && step.atMs <= endMs; step = game.preset.steps[game.step]) {
    await Promise.all(game.runs.map((run) => run.advance((step?.atMs ?? 0) - game.nowMs)));
    game.nowMs = step.atMs;
    game.step++;
    for (const run of game.runs) take(run, step);
    if ('on' in step) game.on.add(step.on);
    if ('off' in step) game.on.delete(step.off);
  }
  await Promise.all(game.runs.map((run) => run.advance(endMs - game.nowMs)));
  game.nowMs = endMs;
}
