/** The checker is tried with bugs (facts/trust.md §4.4): each must be named, and an honest history must be left alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkLedger } from './checker.ts';
import type { LedgerEvent, MessageRef } from './events.ts';
import type { FindingCode } from './finding.ts';
import { honestDevices } from './honest-devices.ts';
import { honestHistory } from './honest-history.ts';
import { Ledger, readLedger } from './ledger.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { PLANTED_COMBINATIONS } from './planted-combinations.ts';
import { PLANTED_DEVICE_BUGS } from './planted-device-bugs.ts';

test.each([
  { histories: honestHistory, of: 'people with one device each' },
  { histories: honestDevices, of: 'people with several devices' },
])('H8 an honest history of $of gives no finding', ({ histories }) => {
  fc.assert(
    fc.property(histories, (history) => {
      expect(checkLedger(history)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

const CASES = [
  ...[...PLANTED_BUGS, ...PLANTED_COMBINATIONS].map((bug) => ({ ...bug, histories: honestHistory })),
  ...PLANTED_DEVICE_BUGS.map((bug) => ({ ...bug, histories: honestDevices })),
];

test.each(CASES)('H8 A4 the checker names it when $name', ({ expected, plant, histories }) => {
  fc.assert(
    fc.property(histories, fc.nat(), (history, choice) => {
      const found = checkLedger(
        plant(history, (places) => {
          const place = places[choice % places.length];
          if (place === undefined) throw new Error('the history has no place for this bug');
          return place;
        }),
      );
      expect(found.map(({ code }) => code)).toContain(expected);
    }),
  );
});

test('H8 A1 what is sent to a group is for all its members and nobody else, and the checker names whoever lacks it', () => {
  const people = ['p1', 'p2', 'p3', 'p4'];
  const enrolled = people.map(
    (person) => ({ kind: 'enrolled', tenant: 't', person, device: `of ${person}` }) as const,
  );
  const ref = { from: 'of p1', messageId: 'm' };
  const shown = (device: string) => ({ kind: 'displayed', device, text: 'hello', ...ref }) as const;
  const history = (...screens: string[]) =>
    checkLedger([
      ...enrolled,
      { kind: 'group', group: 'g', people: ['p1', 'p2', 'p3'] },
      { kind: 'intended', intent: 'i', from: 'of p1', to: 'g', text: 'hello' },
      { kind: 'queued', intent: 'i', ...ref },
      { kind: 'accepted', ...ref },
      ...screens.map(shown),
      { kind: 'delivered', ...ref },
      { kind: 'settled', drained: enrolled.map(({ device }) => device), flushed: ['of p1'] },
    ]).map(({ code }) => code);
  expect(history('of p2', 'of p3')).toEqual([]);
  expect(history('of p2')).toEqual(expect.arrayContaining(['P1_lost', 'P1_delivered_untrue']));
  expect(history('of p2', 'of p3', 'of p4')).toEqual(['P4_wrong_person']);
  expect(history('of p2', 'of p3', 'of p2')).toEqual(['P2_shown_twice']);
});

test('H8 A4 what was sealed for a state that a copy has replaced may be lost with its sender, if the person is told, and nothing else may', () => {
  const ref = { from: 'of p1', messageId: 'm' };
  const enrolled = (person: string, device: string) =>
    ({ kind: 'enrolled', tenant: 't', person, device }) as const;
  const served = (device: string) => ({ kind: 'served', device }) as const;
  const told = (notice: string) => ({ kind: 'told', device: 'of p2', notice }) as const;
  const found = (...after: LedgerEvent[]) =>
    checkLedger([
      enrolled('p1', 'of p1'),
      enrolled('p1', 'other of p1'),
      enrolled('p2', 'of p2'),
      { kind: 'copied', device: 'of p2', copy: 'c' },
      { kind: 'intended', intent: 'i', from: 'of p1', to: 'p2', text: 'hello' },
      { kind: 'queued', intent: 'i', ...ref },
      { kind: 'accepted', ...ref },
      ...after,
      { kind: 'settled', drained: ['of p2'], flushed: [] },
    ])
      .map(({ code }) => code)
      .filter((code) => code === 'P1_lost' || code === 'alarm_without_cause')
      .sort();
  const restored = { kind: 'restored', device: 'of p2', copy: 'c' } as const;
  const revoked = { kind: 'revoked', device: 'of p1' } as const;
  expect(found(restored, served('of p2'), revoked, told('undecryptable'))).toEqual([]);
  expect(found(restored, served('of p2'), revoked)).toEqual(['P1_lost']);
  expect(found(restored, served('of p2'), told('undecryptable'))).toEqual(['P1_lost', 'alarm_without_cause']);
  expect(found(served('of p2'), revoked, told('undecryptable'))).toEqual(['P1_lost', 'alarm_without_cause']);
  const answered = found(restored, served('of p2'), served('of p1'), revoked, told('undecryptable'));
  expect(answered).toEqual(['P1_lost', 'alarm_without_cause']);
});

test('H8 P1 what both ends have forgotten with copies may be lost, if both are told and nobody else of theirs has it', () => {
  const ref = { from: 'of p1', messageId: 'm' };
  const enrolled = (person: string, device: string) =>
    ({ kind: 'enrolled', tenant: 't', person, device }) as const;
  const copied = (device: string) => ({ kind: 'copied', device, copy: `of ${device}` }) as const;
  const putBack = (device: string) => ({ kind: 'restored', device, copy: `of ${device}` }) as const;
  const told = (device: string) => ({ kind: 'told', device, notice: 'profile_restored' }) as const;
  const found = (...after: LedgerEvent[]) =>
    checkLedger([
      enrolled('p1', 'of p1'),
      enrolled('p1', 'other of p1'),
      enrolled('p2', 'of p2'),
      copied('of p1'),
      copied('of p2'),
      { kind: 'intended', intent: 'i', from: 'of p1', to: 'p2', text: 'hello' },
      { kind: 'queued', intent: 'i', ...ref },
      { kind: 'accepted', ...ref },
      ...after,
      { kind: 'settled', drained: ['of p2'], flushed: [] },
    ])
      .map(({ code }) => code)
      .filter((code) => code === 'P1_lost');
  const both = [putBack('of p1'), putBack('of p2')];
  expect(found(...both, told('of p1'), told('of p2'))).toEqual([]);
  expect(found(...both, told('of p1'))).toEqual(['P1_lost']);
  expect(found(...both, told('of p2'))).toEqual(['P1_lost']);
  expect(found(putBack('of p2'), told('of p1'), told('of p2'))).toEqual(['P1_lost']);
  const onOther = { kind: 'displayed', device: 'other of p1', ...ref, text: 'hello' } as const;
  expect(found(onOther, ...both, told('of p1'), told('of p2'))).toEqual(['P1_lost']);
});

test('H8 P3 what was written down and forgotten with a copy before it was accepted is missed by nobody', () => {
  const enrolled = (person: string, device: string) =>
    ({ kind: 'enrolled', tenant: 't', person, device }) as const;
  const written = (messageId: string) =>
    [
      { kind: 'intended', intent: messageId, from: 'd1', to: 'p2', text: messageId },
      { kind: 'queued', intent: messageId, from: 'd1', messageId },
    ] as const;
  const accepted = (messageId: string) => ({ kind: 'accepted', from: 'd1', messageId }) as const;
  const copied = { kind: 'copied', device: 'd1', copy: 'c' } as const;
  const restored = { kind: 'restored', device: 'd1', copy: 'c' } as const;
  const found = (...before: LedgerEvent[]) =>
    checkLedger([
      enrolled('p1', 'd1'),
      enrolled('p2', 'd2'),
      ...before,
      ...written('second'),
      accepted('second'),
      { kind: 'displayed', device: 'd2', from: 'd1', messageId: 'second', text: 'second' },
      { kind: 'settled', drained: ['d2'], flushed: [] },
    ])
      .map(({ code }) => code)
      .filter((code) => code === 'P3_gap_unnoticed');
  expect(found(copied, ...written('first'), restored)).toEqual([]);
  expect(found(copied, ...written('first'), accepted('first'), restored)).toEqual(['P3_gap_unnoticed']);
  expect(found(...written('first'), copied, restored)).toEqual(['P3_gap_unnoticed']);
  expect(found(copied, ...written('first'))).toEqual(['P3_gap_unnoticed']);
});

test('H8 every kind of finding has a bug that causes it', () => {
  const all: Record<FindingCode, true> = {
    P1_lost: true,
    P1_outbox_lost: true,
    P1_accepted_before_commit: true,
    P1_delivered_untrue: true,
    P1_expired_too_early: true,
    P1_expired_without_tombstone: true,
    P1_expired_untrue: true,
    P1_shown_before_commit: true,
    P1_ack_of_nothing: true,
    P2_shown_twice: true,
    P2_reordered: true,
    P2_answer_changed: true,
    P2_id_reused: true,
    P3_gap_unnoticed: true,
    P3_noticed_nothing: true,
    P4_crossed_tenants: true,
    P4_wrong_person: true,
    text_altered: true,
    never_submitted: true,
    prekey_given_twice: true,
    prekey_never_published: true,
    revoked_device_served: true,
    revoked_device_reached: true,
    ratchet_rolled_back: true,
    ratchet_used_twice: true,
    revoked_device_showed: true,
    device_showed_the_past: true,
    device_lacks_message: true,
    device_lists_twice: true,
    device_lists_unknown: true,
    device_reordered: true,
    deletion_undone: true,
    deleted_by_nobody: true,
    read_state_lost: true,
    read_by_nobody: true,
    tick_untrue: true,
    devices_differ: true,
    restore_untold: true,
    change_of_devices_untold: true,
    alarm_without_cause: true,
  };
  expect(new Set(CASES.map(({ expected }) => expected))).toEqual(new Set(Object.keys(all)));
});

test('H8 a ledger on disk keeps every recorded event and passes over a line that a kill cut off', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kuvert-ledger-'));
  try {
    const path = join(folder, 'ledger.jsonl');
    const ledger = new Ledger(path);
    ledger.record({ kind: 'enrolled', tenant: 'a', person: 'p', device: 'd' });
    ledger.record({ kind: 'acked', device: 'd', from: 'x', messageId: 'm' });
    ledger.close();
    writeFileSync(path, '{"kind":"acked","dev', { flag: 'a' });
    expect(readLedger(path)).toEqual(ledger.events);
    expect(ledger.findings().map(({ code }) => code)).toEqual(['P1_ack_of_nothing']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('H8 A4 what a person had lost before a device was linked is new for it too when its sender sends it again', () => {
  const ref = { from: 'anna 1', messageId: 'm' };
  const shown = (device: string) => ({ kind: 'displayed', device, text: 'hello', ...ref }) as const;
  const gone = {
    kind: 'expired',
    device: 'ben 1',
    atMs: 1,
    tombstone: true,
    why: 'dormant',
    ...ref,
  } as const;
  const told = (...between: LedgerEvent[]) =>
    checkLedger([
      { kind: 'enrolled', tenant: 't', person: 'anna', device: 'anna 1' },
      { kind: 'enrolled', tenant: 't', person: 'ben', device: 'ben 1' },
      { kind: 'intended', intent: 'i', from: 'anna 1', to: 'ben', text: 'hello' },
      { kind: 'queued', intent: 'i', ...ref },
      { kind: 'accepted', ...ref },
      ...between,
      { kind: 'linking', person: 'ben', device: 'ben 2' },
      { kind: 'enrolled', tenant: 't', person: 'ben', device: 'ben 2' },
      shown('ben 2'),
    ]).map(({ code }) => code);

  expect(told(gone)).toEqual([]);
  expect(told(shown('ben 1'))).toEqual(['device_showed_the_past']);
  expect(
    told({ kind: 'copied', device: 'ben 1', copy: 'c' }, shown('ben 1'), {
      kind: 'restored',
      device: 'ben 1',
      copy: 'c',
    }),
  ).toEqual([]);
});

const ANNA_TO_BEN = ['m1', 'm2'].map((messageId) => ({ from: 'anna 1', messageId })) as [
  MessageRef,
  MessageRef,
];

/** Anna's two messages to Ben up to their acceptance. @param between comes behind the first */
function twoAccepted(...between: readonly LedgerEvent[]): LedgerEvent[] {
  return [
    { kind: 'enrolled', tenant: 't', person: 'anna', device: 'anna 1' },
    { kind: 'enrolled', tenant: 't', person: 'ben', device: 'ben 1' },
    ...ANNA_TO_BEN.flatMap((ref, at): LedgerEvent[] => [
      { kind: 'intended', intent: `i${at}`, from: 'anna 1', to: 'ben', text: ref.messageId },
      { kind: 'queued', intent: `i${at}`, ...ref },
      { kind: 'accepted', ...ref },
      ...(at === 0 ? between : []),
    ]),
  ];
}

test('H8 P2 what was given up and is sent again may come behind what was written after it, and nothing else may', () => {
  const [first, second] = ANNA_TO_BEN;
  const shown = (ref: MessageRef) =>
    ({ kind: 'displayed', device: 'ben 1', text: ref.messageId, ...ref }) as const;
  const entry = (ref: MessageRef) =>
    ({ ...ref, kind: 'text', text: ref.messageId, isUnread: false }) as const;
  const conversation = { with: 'anna', settings: '', safety: '', entries: [entry(second), entry(first)] };
  const found = (...between: LedgerEvent[]) =>
    checkLedger([
      ...twoAccepted(...between),
      shown(second),
      shown(first),
      { kind: 'standing', device: 'ben 1', conversations: [conversation] },
    ]).map(({ code }) => code);
  const gone = { kind: 'expired', device: 'ben 1', atMs: 1, tombstone: true, why: 'dormant' } as const;

  expect(found({ ...gone, ...first })).toEqual([]);
  expect(found()).toEqual(['P2_reordered', 'device_reordered']);
});

test('H8 P3 word of a deletion that was given up with its message is missing too, and may be named', () => {
  const [gone, later] = ANNA_TO_BEN;
  const noticed = (count: number, ...losses: LedgerEvent[]) =>
    checkLedger([
      ...twoAccepted(),
      { kind: 'deleted', device: 'anna 1', scope: 'everywhere', ...gone },
      ...losses,
      { kind: 'displayed', device: 'ben 1', text: 'm2', ...later },
      { kind: 'noticed', device: 'ben 1', from: 'anna 1', count },
      { kind: 'settled', drained: ['ben 1'], flushed: [] },
    ]).map(({ code }) => code);
  const given: LedgerEvent[] = [
    { kind: 'expired', device: 'ben 1', atMs: 1, tombstone: true, why: 'dormant', ...gone },
    { kind: 'told', device: 'ben 1', notice: 'was_dormant_alone' },
  ];

  expect(noticed(2, ...given)).toEqual([]);
  expect(noticed(3, ...given)).toEqual(['P3_noticed_nothing']);
  expect(noticed(1)).toEqual(['P3_noticed_nothing']);
});
