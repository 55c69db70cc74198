/** Bugs that hide behind another rule, a second device, a restart or a clock; each is planted in the ledger of an honest installation. */
import type { EventOf, LedgerEvent } from './events.ts';
import { insert, type Place, type PlantedBug, places, replace, without } from './planting.ts';

type Ref = { readonly from: string; readonly messageId: string };

/** The first event of one kind about a message. */
function about<K extends 'committed' | 'accepted' | 'acked' | 'displayed' | 'delivered'>(
  history: readonly LedgerEvent[],
  kind: K,
  { from, messageId }: Ref,
): Place<K> {
  const found = places(history, kind).find(
    ({ event }) => (event as Ref).from === from && (event as Ref).messageId === messageId,
  );
  if (found === undefined) throw new Error(`nothing was ${kind}`);
  return found;
}

const enrolledAs = (history: readonly LedgerEvent[], device: string): EventOf<'enrolled'> | undefined =>
  places(history, 'enrolled').find(({ event }) => event.device === device)?.event;

const isFirst = (history: readonly LedgerEvent[], { event, at }: Place<'committed'>) =>
  about(history, 'committed', event).at === at;

/** The history without what one device did with a message from a place on. */
function withoutReading(history: readonly LedgerEvent[], { event }: Place<'displayed'>): LedgerEvent[] {
  return history.filter(
    (other) =>
      !(
        (other.kind === 'displayed' || other.kind === 'acked' || other.kind === 'delivered') &&
        other.from === event.from &&
        other.messageId === event.messageId
      ),
  );
}

/** Every bug. */
export const PLANTED_COMBINATIONS: readonly PlantedBug[] = [
  {
    name: 'a person has two devices and the answer goes out when only the first has its row',
    expected: 'P1_accepted_before_commit',
    plant(history, choose) {
      const { event } = choose(places(history, 'accepted'));
      const committed = about(history, 'committed', event).event;
      const first = enrolledAs(history, committed.device);
      if (first === undefined) throw new Error('a device that never enrolled');
      const at = places(history, 'enrolled').length;
      return insert(history, at, { ...first, device: 'second' });
    },
  },
  {
    name: 'what was shown long ago is given up with a tombstone',
    expected: 'P1_expired_untrue',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      const { device, from, messageId } = event;
      const gone = { kind: 'expired', device, from, messageId, atMs: 2 ** 50, tombstone: true } as const;
      return insert(history, at + 1, gone);
    },
  },
  {
    name: 'what was acknowledged and never shown is given up later',
    expected: 'P1_expired_untrue',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'acked'));
      const { device, from, messageId } = event;
      const gone = { kind: 'expired', device, from, messageId, atMs: 2 ** 50, tombstone: true } as const;
      const shown = about(history, 'displayed', event);
      return without(insert(history, at + 1, gone), shown.at);
    },
  },
  {
    name: 'an acknowledgement is taken before what it names is stored',
    expected: 'P1_ack_of_nothing',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'acked'));
      return insert(without(history, at), about(history, 'committed', event).at, event);
    },
  },
  {
    name: 'a device of another tenant acknowledges',
    expected: 'P4_crossed_tenants',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'acked'));
      const tenant = enrolledAs(history, event.from)?.tenant;
      const stranger = places(history, 'enrolled').find((place) => place.event.tenant !== tenant);
      return insert(history, at, { ...event, device: stranger?.event.device ?? '' });
    },
  },
  {
    name: 'the mailbox of a colleague loses what was for another person',
    expected: 'P4_wrong_person',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'committed'));
      const { tenant } = enrolledAs(history, event.from) ?? {};
      const colleague = places(history, 'enrolled').find(
        (place) => place.event.tenant === tenant && ![event.from, event.device].includes(place.event.device),
      );
      const { from, messageId } = event;
      const device = colleague?.event.device ?? '';
      return insert(history, at + 1, {
        kind: 'expired',
        device,
        from,
        messageId,
        atMs: 2 ** 50,
        tombstone: true,
      });
    },
  },
  {
    name: 'an envelope is given up too early and its sender hears of its acceptance only afterwards',
    expected: 'P1_expired_too_early',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'accepted'));
      const { device } = about(history, 'committed', event).event;
      const { from, messageId, expiresAtMs = 0 } = event;
      const gone = {
        kind: 'expired',
        device,
        from,
        messageId,
        atMs: expiresAtMs - 1,
        tombstone: true,
      } as const;
      return insert(history, about(history, 'accepted', event).at === at ? at : 0, gone);
    },
  },
  {
    name: 'the clock jumps, and an envelope is over before it was accepted',
    expected: 'P1_expired_too_early',
    plant: (history, choose) => {
      const { event } = choose(places(history, 'accepted'));
      const early = (acceptedAtMs = 0) => ({ expiresAtMs: acceptedAtMs - 3_600_000 });
      return history.map((other) =>
        other.kind === 'accepted' && other.from === event.from && other.messageId === event.messageId
          ? { ...other, ...early(other.acceptedAtMs) }
          : other,
      );
    },
  },
  {
    name: 'an envelope is delivered out of a transaction that is still open',
    expected: 'P1_shown_before_commit',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      return insert(without(history, at), about(history, 'committed', event).at, event);
    },
  },
  {
    name: 'a tick says delivered before anything was stored',
    expected: 'P1_delivered_untrue',
    plant(history, choose) {
      const { event } = choose(places(history, 'delivered'));
      return insert(history, about(history, 'committed', event).at, event);
    },
  },
  {
    name: 'a prekey of a revoked device is given out',
    expected: 'revoked_device_reached',
    plant(history, choose) {
      const taken = choose(places(history, 'prekey-taken').filter(({ event }) => event.device !== 'b3'));
      const { event } = taken;
      const first = history.findIndex(
        (other) => other.kind === 'prekey-taken' && other.request === event.request,
      );
      return insert(history, first, { kind: 'revoked', device: event.device });
    },
  },
  {
    name: 'an acknowledgement of a revoked device is taken',
    expected: 'revoked_device_served',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'acked'));
      return insert(history, at, { kind: 'revoked', device: event.device });
    },
  },
  {
    name: 'what a revoked device submits is stored',
    expected: 'revoked_device_served',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'committed').filter((place) => isFirst(history, place)));
      return insert(history, at, { kind: 'revoked', device: event.from });
    },
  },
  {
    name: 'a device that was never enrolled shows a message',
    expected: 'P4_wrong_person',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      return insert(history, at + 1, { ...event, device: 'ghost' });
    },
  },
  {
    name: 'one device comes to be in two tenants',
    expected: 'P4_crossed_tenants',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'enrolled'));
      return insert(history, at + 1, { ...event, tenant: 'planted', person: 'planted' });
    },
  },
  {
    name: 'a loss hides behind somebody else’s tidying up',
    expected: 'P1_lost',
    plant(history, choose) {
      const left = places(history, 'settled').at(-1)?.event.drained;
      // What a kill cut short is known by its text alone, and lost without a trace when nobody shows it.
      const queued = new Set(places(history, 'queued').map(({ event }) => event.messageId));
      const shown = choose(
        places(history, 'displayed').filter(
          ({ event }) => left?.includes(event.device) && queued.has(event.messageId),
        ),
      );
      const { from, messageId } = shown.event;
      const lost = withoutReading(history, shown);
      const tidy = { kind: 'deleted', device: from, scope: 'own-devices', from, messageId } as const;
      return insert(lost, lost.length - 1, tidy);
    },
  },
  {
    name: 'a restart of the server gives a repeated submit a second id, and it is shown under both',
    expected: 'never_submitted',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'displayed'));
      const messageId = 'planted';
      return insert(
        history,
        at + 1,
        { kind: 'committed', device: event.device, from: event.from, messageId },
        { ...event, messageId, text: `${event.text} again` },
      );
    },
  },
  {
    name: 'a repeated submit is answered without the times of the first answer',
    expected: 'P2_answer_changed',
    plant(history, choose) {
      const { event, at } = choose(places(history, 'accepted'));
      const { from, messageId } = event;
      return replace(insert(history, at + 1, event), at + 1, { kind: 'accepted', from, messageId });
    },
  },
];
