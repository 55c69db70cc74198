/** The ledger sorted by what rules ask for: devices, and the life of each message. */
import type { EventOf, LedgerEvent, LedgerEventKind, MessageRef } from './events.ts';

/** An event with its position in the ledger. */
export type At<K extends LedgerEventKind> = EventOf<K> & { readonly at: number };

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
}

/** A device with the time of its revocation as a position in the ledger. */
export interface DeviceLife {
  readonly enrolled: At<'enrolled'>;
  revokedAt: number;
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
  /** Devices that a message has to reach: those that its addressee had when it was accepted (or, if nobody said so, displayed). */
  addressed(message: MessageLife): DeviceLife[];
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
  for (const enrolled of of('enrolled')) devices.set(enrolled.device, { enrolled, revokedAt: Infinity });
  for (const { device, at } of of('revoked')) {
    const life = devices.get(device);
    if (life) life.revokedAt = Math.min(life.revokedAt, at);
  }

  return {
    events,
    messages: indexMessages(of),
    devices,
    observesCommits: of('committed').length > 0,
    of,
    addressed({ intended, accepted }) {
      if (!intended) return [];
      const sender = devices.get(intended.from);
      const acceptedAt = accepted[0]?.at ?? Infinity;
      return [...devices.values()].filter(
        ({ enrolled }) =>
          enrolled.person === intended.to &&
          enrolled.tenant === sender?.enrolled.tenant &&
          enrolled.at < acceptedAt,
      );
    },
  };
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
  ] as const) {
    for (const event of of(kind)) (lifeOf(event)[kind] as At<typeof kind>[]).push(event);
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
    for (const intended of left) {
      if (intended.from !== life.ref.from || intended.text !== life.displayed[0]?.text) continue;
      life.intended = intended;
      left.delete(intended);
      break;
    }
  }
}
