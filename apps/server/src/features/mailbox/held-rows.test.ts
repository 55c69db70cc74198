import { describe, expect, it } from 'vitest';
import { keyText, type LeavingRow } from './deletions.ts';
import { HeldRows } from './held-rows.ts';

const rowOf = (number: number): LeavingRow => ({ storedKey: Uint8Array.of(number), isGone: false });

describe('rows that a connection holds', () => {
  it('P2, P3: forgets an acknowledged row when it is removed, and no earlier', () => {
    const held = new HeldRows({ inFlight: [] });
    const rows = [rowOf(1), rowOf(2), rowOf(3)];
    for (const row of rows) held.acknowledged(row);
    const [first, second, third] = rows as [LeavingRow, LeavingRow, LeavingRow];

    held.forgetFirst();
    expect(held.countStillThere()).toBe(3);

    first.isGone = true;
    // Out of turn: its list failed, and the one behind it did not.
    third.isGone = true;
    held.forgetFirst();
    held.scanBegins();
    const holds = rows.map(({ storedKey }) => held.has(keyText(storedKey)));
    expect(holds).toEqual([false, true, false]);

    second.isGone = true;
    held.forgetFirst();
    expect(held.countStillThere()).toBe(0);
  });

  it('P2: gives a row that is acknowledged during a pass to nobody again, though it is removed before the pass ends', () => {
    const held = new HeldRows({ inFlight: [] });
    held.scanBegins();
    const row = rowOf(7);
    held.handedOver(row.storedKey);
    held.acknowledged(row);
    row.isGone = true;
    expect(held.has(keyText(row.storedKey))).toBe(true);
    held.scanEnded(1);
    // Its page may be open no longer, so what was handed over ends with the acknowledgement of all of it.
    held.acknowledgedLive(1, false);
    expect(held.hasAny()).toBe(false);
  });
});
