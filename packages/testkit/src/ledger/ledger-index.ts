/** The ledger sorted by what rules ask for: devices, and the life of each message. */
import type { EventOf, LedgerEvent, LedgerEventKind, MessageRef, StandingEntry } from './events.ts';

/** An event with its position in the ledger. */
export type At<K extends LedgerEventKind> = EventOf<K> & { readonly at: number };

/** A line on a device's screen. */
export interface Listed {
  readonly at: number;
  readonly device: string;
  readonly entry: StandingEntry;
}

/** All that the ledger says of one message. */
export interface MessageLife {
  readonly ref: MessageRef;
  /** What its sender was told to send; undefined when nobody was. */
  intended: At<'intended'> | undefined;
  readonly queued: At<'queued'>[];
  readonly committed: At<'committed'>[];
  readonly accepted: At<'accepted'>[];
  readonly delivered: At<'delivered'>[];
  readonly displayed: At<'displayed'>[];
  readonly acked: At<'acked'>[];
  readonly expired: At<'expired'>[];
  readonly read: At<'read'>[];
  readonly deleted: At<'deleted'>[];
  readonly listed: Listed[];
}

/** A device with what has befallen it, as positions in the ledger. */
export interface DeviceLife {
  readonly enrolled: At<'enrolled'>;
  /** When it was about to be linked; for a first device, when it was enrolled. */
  readonly linkingAt: number;
  revokedAt: number;
  /** What it lived through and has forgotten: from when a copy was made to when it was put back. */
  readonly forgotten: { readonly from: number; readonly to: number }[];
}

/** True when what happened on a device at `at` is gone from it by `now`, because a copy of before was put back. */
export function isForgotten({ forgotten }: DeviceLife, at: number, now = Infinity): boolean {
  return forgotten.some(({ from, to }) => from < at && at < to && to < now);
}

/** Whether somebody was told, before a moment, that this message will not come. */
export function wasGivenUp({ expired }: MessageLife, before: number): boolean {
  return expired.some(({ at }) => at < before);
}

/** What everybody has on their screens when nothing is left to do. */
export interface Rest {
  readonly settled: At<'settled'>;
  /** The screens of devices that have drained their mailbox and are still devices. */
  readonly screens: readonly Screen[];
}

/** One of them. */
export interface Screen {
  readonly life: DeviceLife;
  readonly standing: At<'standing'>;
}
/** The ledger, sorted. */
export interface LedgerIndex {
  /** Events with positions, in order. */
  readonly events: readonly (LedgerEvent & { readonly at: number })[];
  readonly messages: readonly MessageLife[];
  readonly devices: ReadonlyMap<string, DeviceLife>;
  /** True when an observer saw commits; it then saw all of them. */
  readonly observesCommits: boolean;
  /** Events of one kind, in order. */
  of<K extends LedgerEventKind>(kind: K): readonly At<K>[];
  /** Moments at which nothing was left to do, with what was on the screens then. */
  readonly rests: readonly Rest[];
  /** Devices that a message has to reach: those that its addressee had when it was accepted (or, if nobody said so, displayed). */
  addressed(message: MessageLife): DeviceLife[];
  /** True when a message is for somebody, alone or as a member of the group that it is for. */
  isFor(message: MessageLife, person: string): boolean;
}

/** Sorts a ledger. */
export function indexLedger(ledger: readonly LedgerEvent[]): LedgerIndex {
  const events = ledger.map((event, at) => ({ ...event, at }));
  const byKind = new Map<LedgerEventKind, (LedgerEvent & { at: number })[]>();
  for (const event of events) {
    const list = byKind.get(event.kind);
    if (list) list.push(event);
    else byKind.set(event.kind, [event]);
  }
  const of = <K extends LedgerEventKind>(kind: K) => (byKind.get(kind) ?? []) as unknown as readonly At<K>[];

  const devices = new Map<string, DeviceLife>();
  const linking = new Map(of('linking').map(({ device, at }) => [device, at]));
  for (const enrolled of of('enrolled')) {
    const { device, at } = enrolled;
    const linkingAt = linking.get(device) ?? at;
    devices.set(device, { enrolled, linkingAt, revokedAt: Infinity, forgotten: [] });
  }
  const copies = new Map(of('copied').map(({ copy, at }) => [copy, at]));
  for (const { device, copy, at } of of('restored')) {
    devices.get(device)?.forgotten.push({ from: copies.get(copy) ?? at, to: at });
  }
  for (const { device, at } of of('revoked')) {
    const life = devices.get(device);
    if (life) life.revokedAt = Math.min(life.revokedAt, at);
  }

  const groups = new Map(of('group').map(({ group, people }) => [group, new Set(people)]));
  const isFor = ({ intended }: MessageLife, person: string): boolean =>
    intended !== undefined && (groups.get(intended.to)?.has(person) ?? intended.to === person);
  const addressed = new Map<MessageLife, DeviceLife[]>();

  return {
    events,
    messages: indexMessages(of),
    devices,
    rests: indexRests(of, devices),
    observesCommits: of('committed').length > 0,
    of,
    isFor,
    addressed(message) {
      const { intended, accepted } = message;
      if (!intended) return [];
      const known = addressed.get(message);
      if (known !== undefined) return known;
      const sender = devices.get(intended.from);
      const acceptedAt = accepted[0]?.at ?? Infinity;
      const found = [...devices.values()].filter(
        ({ enrolled }) =>
          enrolled.device !== intended.from &&
          isFor(message, enrolled.person) &&
          enrolled.tenant === sender?.enrolled.tenant &&
          enrolled.at < acceptedAt,
      );
      addressed.set(message, found);
      return found;
    },
  };
}

function indexRests(of: LedgerIndex['of'], devices: ReadonlyMap<string, DeviceLife>): Rest[] {
  let sinceAt = -1;
  return of('settled').map((settled) => {
    const fresh = of('standing').filter(({ at }) => at > sinceAt && at < settled.at);
    sinceAt = settled.at;
    const screens = settled.drained.flatMap((device) => {
      const life = devices.get(device);
      const standing = fresh.findLast((event) => event.device === device);
      return life && standing && life.revokedAt > settled.at ? [{ life, standing }] : [];
    });
    return { settled, screens };
  });
}

function indexMessages(of: LedgerIndex['of']): MessageLife[] {
  const lives = new Map<string, MessageLife>();
  const lifeOf = ({ from, messageId }: MessageRef): MessageLife => {
    const key = `${from} ${messageId}`;
    let life = lives.get(key);
    if (!life) {
      life = {
        ref: { from, messageId },
        intended: undefined,
        queued: [],
        committed: [],
        accepted: [],
        delivered: [],
        displayed: [],
        acked: [],
        expired: [],
        read: [],
        deleted: [],
        listed: [],
      };
      lives.set(key, life);
    }
    return life;
  };
  for (const kind of [
    'queued',
    'committed',
    'accepted',
    'delivered',
    'displayed',
    'acked',
    'expired',
    'read',
    'deleted',
  ] as const) {
    for (const event of of(kind)) (lifeOf(event)[kind] as At<typeof kind>[]).push(event);
  }
  for (const { at, device, conversations } of of('standing')) {
    for (const entry of conversations.flatMap(({ entries }) => entries))
      lifeOf(entry).listed.push({ at, device, entry });
  }

  const intents = new Map(of('intended').map((event) => [event.intent, event]));
  for (const life of lives.values()) {
    const first = life.queued[0];
    const intended = first && intents.get(first.intent);
    if (first && intended && intended.from === first.from) life.intended = intended;
  }
  for (const { intent } of of('queued')) intents.delete(intent);
  adoptCutShort([...lives.values()], [...intents.values()]);
  return [...lives.values()];
}

/** A message without a `queued` belongs to a sending that a kill cut short: same device, same text, each of them once. */
function adoptCutShort(lives: MessageLife[], cutShort: At<'intended'>[]): void {
  const left = new Set(cutShort);
  for (const life of lives) {
    if (life.intended) continue;
    const text =
      life.displayed[0]?.text ?? life.listed.find(({ entry }) => entry.kind === 'text')?.entry.text;
    for (const intended of left) {
      if (intended.from !== life.ref.from || intended.text !== text) continue;
      life.intended = intended;
      left.delete(intended);
      break;
    }
  }
}
