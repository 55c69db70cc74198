/** Bugs of an installation, each planted in the ledger of an honest one; the checker has to name every one of them. */
import type { EventOf, LedgerEvent } from './events.ts';
import { insert, type Place, type PlantedBug, places, replace, without } from './planting.ts';

const isAbout = (event: LedgerEvent, { from, messageId }: { from: string; messageId: string }) =>
  'messageId' in event && event.messageId === messageId && event.from === from;

/** All that happened to a message after it was written down. */
function positionsOf(history: readonly LedgerEvent[], ref: { from: string; messageId: string }) {
  return history.flatMap((event, at) => (isAbout(event, ref) && event.kind !== 'queued' ? [at] : []));
}

function deviceOf(history: readonly LedgerEvent[], device: string): EventOf<'enrolled'> {
  const found = places(history, 'enrolled').find(({ event }) => event.device === device);
  if (!found) throw new Error('a device that never enrolled');
  return found.event;
}

/** Another device: of the same tenant, or of another. */
function otherDevice(
  history: readonly LedgerEvent[],
  than: { from: string; device: string },
  where: { sameTenant: boolean },
): string {
  const { tenant } = deviceOf(history, than.from);
  const other = places(history, 'enrolled').find(
    ({ event }) =>
      (event.tenant === tenant) === where.sameTenant &&
      event.device !== than.device &&
      event.device !== than.from,
  );
  return other?.event.device ?? '';
}

/** Displayed messages that were intended and queued, none of them cut short by a kill. */
function ordinary(history: readonly LedgerEvent[]): Place<'displayed'>[] {
  const queued = new Set(places(history, 'queued').map(({ event }) => `${event.from} ${event.messageId}`));
  return places(history, 'displayed').filter(({ event }) => queued.has(`${event.from} ${event.messageId}`));
}

/** Neighbours in what a device reads of another, both ordinary. */
function neighbours(history: readonly LedgerEvent[]): [Place<'displayed'>, Place<'displayed'>][] {
  const all = ordinary(history);
  return all.flatMap((first, position) => {
    const second = all
      .slice(position + 1)
      .find(({ event }) => event.from === first.event.from && event.device === first.event.device);
    return second ? ([[first, second]] as [Place<'displayed'>, Place<'displayed'>][]) : [];
  });
}

/** Every bug. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'the row of an accepted message is lost',
    expected: 'P1_lost',
    plant(history, choose) {
      const { event, at } = choose(ordinary(history));
      const later = positionsOf(history, event).filter((position) => position >= at);
      return without(history, ...later);
    },
  },
  {
    name: 'a restart of the client empties its outbox',
    expected: 'P1_outbox_lost',
    plant(history, choose) {
      const flushed = places(history, 'settled').at(-1)?.event.flushed;
      const { event } = choose(ordinary(history).filter(({ event: shown }) => flushed?.includes(shown.from)));
      return without(history, ...positionsOf(history, event));
    },
  },
  {
    name: 'a later kill of the client loses what an earlier command had written down',
    expected: 'P1_outbox_lost',
    plant(history) {
      const settled = places(history, 'settled').at(-1)?.at ?? 0;
      return insert(
        history,
        settled,
        { kind: 'intended', intent: 'planted', from: 'a1', to: 'person-a2', text: 'planted' },
        { kind: 'queued', intent: 'planted', from: 'a1', messageId: 'planted' },
      );
    },
  },
  {
    name: 'the answer goes out before the commit',
    expected: 'P1_accepted_before_commit',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'committed'));
      const accepted = places(history, 'accepted').find((place) => isAbout(place.event, event));
      if (!accepted) throw new Error('a commit without an answer');
      return insert(without(history, at), accepted.at, event);
    },
  },
  {
    name: 'the answer goes out and the commit never happens',
    expected: 'P1_accepted_before_commit',
    plant: (history, choose) => without(history, choose(places(history, 'committed')).at),
  },
  {
    name: 'a sender is told that somebody has it who never showed it',
    expected: 'P1_delivered_untrue',
    plant(history, choose) {
      const { at } = choose(ordinary(history));
      return without(history, at);
    },
  },
  {
    name: 'an envelope is thrown away before its time',
    expected: 'P1_expired_too_early',
    plant(history, choose) {
      const { event } = choose(places(history, 'accepted'));
      const settled = places(history, 'settled').at(-1)?.at ?? 0;
      const { from, messageId, expiresAtMs = 0 } = event;
      return insert(history, settled, {
        kind: 'expired',
        device: 'a2',
        from,
        messageId,
        atMs: expiresAtMs - 1,
        tombstone: true,
      });
    },
  },
  {
    name: 'an envelope expires and nothing tells of it',
    expected: 'P1_expired_without_tombstone',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'expired'));
      return replace(history, at, { ...event, tombstone: false });
    },
  },
  {
    name: 'an acknowledgement removes something that was never stored',
    expected: 'P1_ack_of_nothing',
    plant: (history) =>
      insert(history, history.length - 1, { kind: 'acked', device: 'a2', from: 'a1', messageId: 'planted' }),
  },
  {
    name: 'an acknowledgement is taken for another device',
    expected: 'P1_ack_of_nothing',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'acked'));
      return replace(history, at, {
        ...event,
        device: otherDevice(history, event, { sameTenant: true }),
      });
    },
  },
  {
    name: 'a redelivery is shown again',
    expected: 'P2_shown_twice',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      const end = places(history, 'settled').at(-1)?.at ?? 0;
      return insert(history, choose([at + 1, end]), event);
    },
  },
  {
    name: 'two messages of one sender change places',
    expected: 'P2_reordered',
    plant(history, choose) {
      const [first, second] = choose(neighbours(history));
      return replace(replace(history, first.at, second.event), second.at, first.event);
    },
  },
  {
    name: 'a repeated submit is stored as a new one',
    expected: 'P2_answer_changed',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'accepted'));
      return insert(history, at + 1, { ...event, acceptedAtMs: 1 });
    },
  },
  {
    name: 'a client gives one id to two messages',
    expected: 'P2_id_reused',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'queued'));
      const { from } = event;
      return insert(
        history,
        at + 1,
        { kind: 'intended', intent: 'planted', from, to: 'person-a2', text: 'planted' },
        { ...event, intent: 'planted' },
      );
    },
  },
  {
    name: 'a message is withheld and its reader says nothing',
    expected: 'P3_gap_unnoticed',
    plant(history, choose) {
      const [first] = choose(neighbours(history));
      return without(history, first.at);
    },
  },
  {
    name: 'a reader is told of missing messages when none is',
    expected: 'P3_noticed_nothing',
    plant: (history) =>
      insert(history, history.length - 1, { kind: 'noticed', device: 'a1', from: 'a2', count: 1_000 }),
  },
  {
    name: 'a message shows up in another tenant',
    expected: 'P4_crossed_tenants',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      return insert(history, at + 1, {
        ...event,
        device: otherDevice(history, event, { sameTenant: false }),
      });
    },
  },
  {
    name: 'an envelope is stored in another tenant',
    expected: 'P4_crossed_tenants',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'committed'));
      return insert(history, at + 1, {
        ...event,
        device: otherDevice(history, event, { sameTenant: false }),
      });
    },
  },
  {
    name: 'a colleague reads what was not for them',
    expected: 'P4_wrong_person',
    plant(history, choose) {
      const { event, at } = choose(ordinary(history));
      return insert(history, at + 1, {
        ...event,
        device: otherDevice(history, event, { sameTenant: true }),
      });
    },
  },
  {
    name: 'a text arrives with one more character',
    expected: 'text_altered',
    plant(history, choose) {
      const { event, at } = choose(ordinary(history));
      return replace(history, at, { ...event, text: `${event.text}\u0000` });
    },
  },
  {
    name: 'a message that nobody wrote is shown',
    expected: 'never_submitted',
    plant: (history) =>
      insert(history, history.length - 1, {
        kind: 'displayed',
        device: 'a2',
        from: 'a1',
        messageId: 'planted',
        text: 'nobody wrote this',
      }),
  },
  {
    name: 'what a kill cut short arrives twice under two ids',
    expected: 'never_submitted',
    plant(history) {
      const end = places(history, 'settled').at(-1)?.at ?? 0;
      const shown = { kind: 'displayed', device: 'a2', from: 'a1', text: 'cut short' } as const;
      return insert(
        history,
        end,
        { kind: 'intended', intent: 'planted', from: 'a1', to: 'person-a2', text: 'cut short' },
        { ...shown, messageId: 'planted-1' },
        { ...shown, messageId: 'planted-2' },
      );
    },
  },
  {
    name: 'a one-time prekey is given to two callers',
    expected: 'prekey_given_twice',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'prekey-taken'));
      return insert(history, at + 1, { ...event, request: 'planted' });
    },
  },
  {
    name: 'a prekey is handed out that the device never made',
    expected: 'prekey_never_published',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'prekey-taken'));
      return insert(history, at, { ...event, key: 'planted' });
    },
  },
  {
    name: 'a revoked device keeps its connection',
    expected: 'revoked_device_served',
    plant: (history) =>
      insert(history, history.length, { kind: 'revoked', device: 'b1' }, { kind: 'served', device: 'b1' }),
  },
  {
    name: 'a message is stored for a revoked device',
    expected: 'revoked_device_reached',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'committed'));
      return insert(history, at, { kind: 'revoked', device: event.device });
    },
  },
  {
    name: 'a container is restored and its ratchet steps back',
    expected: 'ratchet_rolled_back',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'ratchet-stepped'));
      return insert(history, at + 1, event);
    },
  },
];
