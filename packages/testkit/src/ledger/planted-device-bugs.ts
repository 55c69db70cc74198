/** Bugs of several devices of one person, each planted in an honest history; the checker has to name every one of them. */
import type { EventOf, LedgerEvent, StandingEntry } from './events.ts';
import {
  changeLine,
  dropLine,
  firstLines,
  type Line,
  lines,
  owner,
  relist,
  sharedLines,
  withScreen,
} from './planted-screens.ts';
import { type Choose, insert, type Place, type PlantedBug, places, without } from './planting.ts';

/** Lines of messages that came after everything else had happened. */
const isLate = (history: readonly LedgerEvent[], { entry }: Line): boolean =>
  (places(history, 'accepted').find(({ event }) => event.messageId === entry.messageId)?.at ?? 0) >
  Math.max(
    ...(['enrolled', 'restored', 'expired', 'revoked'] as const).flatMap((kind) =>
      places(history, kind).map(({ at }) => at),
    ),
  );

const acceptedAt = (history: readonly LedgerEvent[], { entry }: Line): number =>
  places(history, 'accepted').find(({ event }) => event.messageId === entry.messageId)?.at ?? 0;

function toldAbout(history: readonly LedgerEvent[], notice: string): Place<'told'>[] {
  const gone = new Set(places(history, 'revoked').map(({ event }) => event.device));
  return places(history, 'told').filter(
    ({ event }) =>
      event.notice === notice &&
      !gone.has(event.device) &&
      (notice === 'device_revoked' || !gone.has(event.about ?? '')),
  );
}

/** The displayed event of a device that is a device at the end. */
function shownAgain(history: readonly LedgerEvent[], device: string, choose: Choose): EventOf<'displayed'> {
  const { event } = choose(places(history, 'displayed'));
  return { ...event, device };
}

/** Every bug. */
export const PLANTED_DEVICE_BUGS: readonly PlantedBug[] = [
  {
    name: 'a revoked device still gets messages',
    expected: 'revoked_device_showed',
    plant(history, choose) {
      const { event } = choose(places(history, 'revoked'));
      return insert(history, history.length, shownAgain(history, event.device, choose));
    },
  },
  {
    name: 'a new device is sent what its person had before it was linked',
    expected: 'device_showed_the_past',
    plant(history, choose) {
      const restored = places(history, 'restored');
      const pairs = places(history, 'linking').flatMap((linked) =>
        places(history, 'displayed')
          .filter(
            ({ at, event: { device } }) =>
              at < linked.at &&
              owner(history, device) === linked.event.person &&
              !restored.some((back) => back.event.device === device && at < back.at && back.at < linked.at),
          )
          .map(({ event }) => ({ ...event, device: linked.event.device })),
      );
      return insert(history, history.length, choose(pairs));
    },
  },
  {
    name: 'the copy of what another device has sent is lost',
    expected: 'device_lacks_message',
    plant(history, choose) {
      const copies = sharedLines(history).filter(
        (line) =>
          isLate(history, line) &&
          line.entry.from !== line.screen.event.device &&
          owner(history, line.entry.from) === owner(history, line.screen.event.device),
      );
      return dropLine(history, choose(copies));
    },
  },
  {
    name: 'a message reaches all devices of its reader but one',
    expected: 'device_lacks_message',
    plant(history, choose) {
      const received = sharedLines(history).filter(
        (line) => isLate(history, line) && line.entry.state === undefined,
      );
      return dropLine(history, choose(received));
    },
  },
  {
    name: 'the history that a new device is given lacks a message',
    expected: 'devices_differ',
    plant(history, choose) {
      const linked = new Map(places(history, 'linking').map(({ event, at }) => [event.device, at]));
      const old = sharedLines(history).filter(
        (line) => acceptedAt(history, line) < (linked.get(line.screen.event.device) ?? 0),
      );
      return dropLine(history, choose(old));
    },
  },
  {
    name: 'what a device forgot with a copy that was put back does not come back from the others',
    expected: 'devices_differ',
    plant(history, choose) {
      const copies = new Map(places(history, 'copied').map(({ event, at }) => [event.copy, at]));
      const restored = places(history, 'restored');
      const forgotten = sharedLines(history).filter((line) =>
        restored.some(
          ({ event, at }) =>
            event.device === line.screen.event.device &&
            acceptedAt(history, line) > (copies.get(event.copy) ?? 0) &&
            acceptedAt(history, line) < at,
        ),
      );
      return dropLine(history, choose(forgotten));
    },
  },
  {
    name: 'what was given up for one device does not come back from the others',
    expected: 'devices_differ',
    plant(history, choose) {
      const expired = places(history, 'expired');
      const givenUp = sharedLines(history).filter(({ screen, entry }) =>
        expired.some(
          ({ event }) => event.device === screen.event.device && event.messageId === entry.messageId,
        ),
      );
      return dropLine(history, choose(givenUp));
    },
  },
  {
    name: 'history and mailbox bring the same message twice',
    expected: 'device_lists_twice',
    plant(history, choose) {
      const line = choose(lines(history));
      return relist(history, line, (entries) => [...entries, line.entry]);
    },
  },
  {
    name: 'a message that is in nobody’s history comes with one',
    expected: 'device_lists_unknown',
    plant(history, choose) {
      const line = choose(lines(history));
      return relist(history, line, (entries) => [...entries, { ...line.entry, messageId: 'planted' }]);
    },
  },
  {
    name: 'a history brings another text',
    expected: 'text_altered',
    plant(history, choose) {
      const line = choose(lines(history).filter(({ entry }) => entry.kind === 'text'));
      return changeLine(history, line, { text: `${line.entry.text}!` });
    },
  },
  {
    name: 'a history comes from another tenant',
    expected: 'P4_crossed_tenants',
    plant(history, choose) {
      const { screen } = choose(lines(history));
      const stranger = { kind: 'enrolled', tenant: 'globex', person: 'eve', device: 'stranger' } as const;
      return insert(history, screen.at, stranger, { ...screen.event, device: 'stranger' });
    },
  },
  {
    name: 'a colleague’s device has the conversation of others',
    expected: 'P4_wrong_person',
    plant(history, choose) {
      const { screen } = choose(lines(history));
      const colleague = { kind: 'enrolled', tenant: 'acme', person: 'cleo', device: 'colleague' } as const;
      return insert(history, screen.at, colleague, { ...screen.event, device: 'colleague' });
    },
  },
  {
    name: 'a device shows two messages in another order than they were written',
    expected: 'device_reordered',
    plant(history, choose) {
      // What was given up may come later.
      const givenUp = new Set(places(history, 'expired').map(({ event }) => event.messageId));
      const pairs = lines(history).flatMap((line) => {
        if (givenUp.has(line.entry.messageId)) return [];
        const { entries } = line.screen.event.conversations[line.conversation] ?? { entries: [] };
        const next = entries.findIndex(
          ({ from, messageId }, at) => at > line.line && from === line.entry.from && !givenUp.has(messageId),
        );
        return next < 0 ? [] : [{ line, next, other: entries[next] as StandingEntry }];
      });
      const { line, next, other } = choose(pairs);
      return relist(history, line, (entries) => entries.with(line.line, other).with(next, line.entry));
    },
  },
  {
    name: 'what was deleted for everybody comes back with a history',
    expected: 'deletion_undone',
    plant(history, choose) {
      const line = choose(firstLines(history).filter(({ entry }) => entry.kind === 'deleted'));
      return changeLine(history, line, { kind: 'text', text: 'here again' });
    },
  },
  {
    name: 'what was deleted on all of one’s devices comes back on one of them',
    expected: 'deletion_undone',
    plant(history, choose) {
      const { event } = choose(
        places(history, 'deleted')
          .slice(0, 2)
          .filter((one) => one.event.scope === 'own-devices'),
      );
      const person = owner(history, event.device);
      const line = choose(
        firstLines(history).filter(({ screen }) => owner(history, screen.event.device) === person),
      );
      const { from, messageId } = event;
      const entry = { from, messageId, kind: 'text', text: 'here again', isUnread: false } as const;
      return relist(history, line, (entries) => [...entries, entry]);
    },
  },
  {
    name: 'a message looks deleted that nobody has deleted',
    expected: 'deleted_by_nobody',
    plant(history, choose) {
      const line = choose(lines(history).filter(({ entry }) => entry.kind === 'text'));
      return changeLine(history, line, { kind: 'deleted', text: '' });
    },
  },
  {
    name: 'what was read on one device is unread on another',
    expected: 'read_state_lost',
    plant(history, choose) {
      const read = firstLines(history).filter(
        ({ entry }) => entry.state === undefined && entry.kind === 'text' && !entry.isUnread,
      );
      return changeLine(history, choose(read), { isUnread: true });
    },
  },
  {
    name: 'a message counts as read that nobody has read',
    expected: 'read_by_nobody',
    plant: (history, choose) =>
      changeLine(history, choose(lines(history).filter(({ entry }) => entry.isUnread)), { isUnread: false }),
  },
  {
    name: 'a sender is told that somebody has read what nobody has',
    expected: 'tick_untrue',
    plant(history, choose) {
      const read = new Set(places(history, 'read').map(({ event }) => event.messageId));
      const own = lines(history).filter(
        ({ entry }) => entry.state !== undefined && entry.kind === 'text' && !read.has(entry.messageId),
      );
      return changeLine(history, choose(own), { state: 'read' });
    },
  },
  {
    name: 'one device shows another tick than the others',
    expected: 'devices_differ',
    plant(history, choose) {
      const own = sharedLines(history).filter(({ entry }) => entry.state === 'delivered');
      return changeLine(history, choose(own), { state: 'accepted' });
    },
  },
  {
    name: 'a setting does not reach the other devices',
    expected: 'devices_differ',
    plant: (history, choose) =>
      withScreen(history, choose(sharedLines(history)).screen, (one) => ({ ...one, settings: 'muted' })),
  },
  {
    name: 'two devices of one person show two safety numbers',
    expected: 'devices_differ',
    plant: (history, choose) =>
      withScreen(history, choose(sharedLines(history)).screen, (one) => ({
        ...one,
        safety: '54321 verified',
      })),
  },
  {
    name: 'a device that was put back from a copy goes on with its old ratchet',
    expected: 'ratchet_used_twice',
    plant(history, choose) {
      const { event } = choose(places(history, 'ratchet-used'));
      return insert(history, history.length, { ...event, bytes: 'another leg' });
    },
  },
  {
    name: 'nobody is told that a copy was put back',
    expected: 'restore_untold',
    plant(history, choose) {
      const left = new Set(places(history, 'settled').at(-1)?.event.drained);
      const told = places(history, 'told').filter(
        ({ event }) => event.notice === 'profile_restored' && left.has(event.device),
      );
      const { device } = choose(told).event;
      return without(history, ...told.filter(({ event }) => event.device === device).map(({ at }) => at));
    },
  },
  {
    name: 'a device is added and its person’s other devices keep silent',
    expected: 'change_of_devices_untold',
    plant: (history, choose) => without(history, choose(toldAbout(history, 'device_linked')).at),
  },
  {
    name: 'a device is revoked and its person’s other devices keep silent',
    expected: 'change_of_devices_untold',
    plant: (history, choose) => without(history, choose(toldAbout(history, 'device_revoked')).at),
  },
  {
    name: 'somebody is alarmed because a colleague’s device was put back from a copy',
    expected: 'alarm_without_cause',
    plant(history, choose) {
      const { event } = choose(lines(history)).screen;
      return insert(history, history.length, {
        kind: 'told',
        device: event.device,
        notice: 'messages_replayed',
      });
    },
  },
  {
    name: 'somebody is told of a copy that was never put back',
    expected: 'alarm_without_cause',
    plant: (history) => {
      const first = places(history, 'enrolled')[0]?.event.device ?? '';
      return insert(history, 1, { kind: 'told', device: first, notice: 'profile_restored' });
    },
  },
];
