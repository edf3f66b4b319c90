import { describe, expect, test } from 'vitest';
import { Demands } from '../../src/manager/demands.js';
import { fakeClock } from '../../src/testing.js';
import { recordWith } from '../support/session-records.js';

function demands() {
  const clock = fakeClock();
  const issued = (afterMs: number) => recordWith({}, { issuedAt: clock.now() + afterMs });
  return { clock, demands: new Demands(clock), issued };
}

describe('a call of refresh() is met', () => {
  test('by the answer to a request that was sent after it, and by no earlier one', () => {
    const { demands: all } = demands();
    const before = all.send();
    const demand = all.add();
    all.answer(before);
    expect(all.isMet(demand, undefined)).toBe(false);
    const after = all.send();
    expect(all.isMet(demand, undefined)).toBe(false);
    all.answer(after);
    expect(all.isMet(demand, undefined)).toBe(true);
  });

  test('for good: an older request that is answered later, or tokens that a peer brought, take nothing back', () => {
    const { demands: all } = demands();
    const before = all.send();
    const demand = all.add();
    all.answer(all.send());
    all.answer(before);
    all.answer();
    expect(all.isMet(demand, undefined)).toBe(true);
  });

  test('by tokens of a peer that were asked for after it, and by none of the same millisecond', async () => {
    const { clock, demands: all, issued } = demands();
    const demand = all.add();
    const [same, later] = [issued(0), issued(1)];
    expect(all.isMet(demand, same)).toBe(false);
    await clock.advance(1);
    expect([all.isMet(demand, same), all.isMet(demand, later)]).toEqual([false, true]);
  });

  test('by none of a peer whose clock is ahead of ours: they may have been asked for before it', async () => {
    const { clock, demands: all, issued } = demands();
    const demand = all.add();
    await clock.advance(5);
    expect([all.isMet(demand, issued(1)), all.isMet(demand, issued(0))]).toEqual([false, true]);
  });
});
