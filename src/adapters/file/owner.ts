/// <reference types="node" />
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** Identifies a process also after its process number was reused. */
export interface Owner {
  readonly pid: number;
  /** When the process started, in ticks since the machine did; empty where the system does not tell. */
  readonly started: string;
  /** One run of one machine (and one process namespace): process numbers mean something only within it. */
  readonly machine: string;
}

let self: Owner | undefined;

/** The owner that stands for this process. */
export function thisProcess(): Owner {
  self ??= { pid: process.pid, started: processState(process.pid)?.started ?? '', machine: thisMachine() };
  return self;
}

/**
 * Tells whether a process is certainly gone; `false` also where that cannot be known.
 *
 * A process that was killed and not yet collected by its parent is gone. One on another machine, in another container
 * or from before a restart cannot be looked up from here.
 */
export function isGone(owner: Owner): boolean {
  if (owner.machine !== thisProcess().machine) return false;
  if (owner.pid === process.pid && owner.started === thisProcess().started) return false;
  const state = processState(owner.pid);
  if (state && owner.started) return state.started !== owner.started || state.ended;
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    // Any other error, such as a missing permission, proves nothing.
    return (error as { code?: unknown }).code === 'ESRCH';
  }
}

/**
 * Milliseconds on a clock that all processes of this machine share and that cannot be set; undefined where there is none.
 *
 * `process.hrtime` will not do: in some runtimes it counts from the start of the process.
 */
export function machineUptime(): number | undefined {
  const seconds = Number.parseFloat(readOrEmpty('/proc/uptime'));
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
}

/** Fields 3 and 22 of `stat` in proc(5); field 2 is a name in brackets that may contain any character. */
function processState(pid: number): { started: string; ended: boolean } | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const started = fields[19];
  return started ? { started, ended: fields[0] === 'Z' || fields[0] === 'X' } : undefined;
}

function thisMachine(): string {
  // Without a boot id the minute of the start identifies the boot: a mismatch only makes a waiter wait longer.
  const boot = readOrEmpty('/proc/sys/kernel/random/boot_id') || Math.round((Date.now() / 1000 - uptime()) / 60);
  return createHash('sha256').update(`${hostname()}\n${boot}\n${processNamespace()}`).digest('hex').slice(0, 16);
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
