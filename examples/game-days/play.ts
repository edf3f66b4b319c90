import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from './fleet.js';
import type { Monitoring, Notice } from './monitoring.js';
import { RECEIVERS, type Receiver, type Scenario, type Told } from './scenario.js';

/** Where a game is: everything is well, the fault is there, or it is over. */
export type Phase = 'before' | 'fault' | 'after';

/** What came of it. */
export interface Played {
  readonly beganAt: number;
  readonly endedAt: number;
  /** Who was told that what fires, by phase, in the order of the alphabet; each alert once. */
  readonly told: Readonly<Record<Phase, Told>>;
  /** Every single notice. */
  readonly notices: readonly Notice[];
}

export interface PlayOptions {
  readonly scenario: Scenario;
  readonly fleet: Fleet;
  /** Undefined: the fault lasts its minutes, and nobody is told anything. */
  readonly monitoring: Monitoring | undefined;
  readonly onPhase?: (phase: Phase) => void;
  /** The fault is still there, and everybody has been told. */
  readonly onFault?: () => Promise<void>;
}

/** A minute of the rules. */
export const MINUTE_MS = 1_000;
/** A quarter of an hour of health first. */
const BEFORE_MS = 15 * MINUTE_MS;
/** As long as an alert may remember the fault, and Alertmanager may wait until it says so. */
const AFTER_MS = 18 * MINUTE_MS;
/** What has not been told by then is not told any more; long, because machines are busy. */
const PATIENCE_MS = 120_000;
const LOOK_MS = 100;

/** Plays one scenario: health, the fault until everybody has been told who has to be, and what comes after it. */
export async function play({ scenario, fleet, monitoring, onPhase, onFault }: PlayOptions): Promise<Played> {
  const ours = () => (monitoring?.notices ?? []).filter(({ job }) => job === scenario.name);
  const isTold = (told: Told = {}, status: Notice['status'] = 'firing') =>
    RECEIVERS.every((name) =>
      (told[name] ?? []).every((alert) =>
        ours().some((notice) => notice.receiver === name && notice.alert === alert && notice.status === status),
      ),
    );

  onPhase?.('before');
  await pause(BEFORE_MS);
  const beganAt = Date.now();
  onPhase?.('fault');
  const heal = scenario.fault.begin(fleet);
  await pause(scenario.fault.minutes * MINUTE_MS);
  if (monitoring) await until(() => isTold(scenario.told));
  await onFault?.();
  heal();
  const endedAt = Date.now();
  onPhase?.('after');
  await pause(AFTER_MS);
  if (monitoring) await until(() => isTold(scenario.toldAfter) && isTold(scenario.resolved, 'resolved'));

  const phaseOf = ({ at }: Notice): Phase => (at < beganAt ? 'before' : at < endedAt ? 'fault' : 'after');
  const notices = ours();
  const before = toldIn(notices.filter((notice) => phaseOf(notice) === 'before'));
  const fault = toldIn(notices.filter((notice) => phaseOf(notice) === 'fault'));
  const after = toldIn(
    // what goes on firing may be said again together with something else
    notices.filter((notice) => phaseOf(notice) === 'after' && !fault[notice.receiver]?.includes(notice.alert)),
  );
  return { beganAt, endedAt, told: { before, fault, after }, notices };
}

function toldIn(notices: readonly Notice[]): Told {
  const firing = notices.filter(({ status }) => status === 'firing');
  const told = RECEIVERS.map((name): [Receiver, string[]] => {
    const alerts = firing.filter(({ receiver }) => receiver === name).map(({ alert }) => alert);
    return [name, [...new Set(alerts)].sort()];
  });
  return Object.fromEntries(told.filter(([, alerts]) => alerts.length > 0));
}

async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isSo() && Date.now() < end; ) await pause(LOOK_MS);
}
