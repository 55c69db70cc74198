/**
 * A part of the history as bytes: people, settings and entries, with everything that repeats (devices, people, chains) in tables of the
 * part. Readers take what they know of each entry and leave what further fields may come.
 */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { ReadState, SettingState } from './content-own.ts';
import {
  type ChainId,
  type ContentId,
  type DeviceId,
  type GroupId,
  ID_TYPES,
  idFromBytes,
  idToBytes,
  type PersonId,
} from './ids.ts';
import type { Person } from './people.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const KINDS = ['text', 'too-new', 'timer', 'deleted', 'content'] as const;
const UNREAD = 1;
const DELIVERED = 2;
const READ = 4;

/** A message as it travels to another device of the same person. */
export interface HistoryItem {
  /** The other person of the conversation, or the group. */
  readonly peer: PersonId | GroupId;
  /** In a group: who has written it. */
  readonly author?: PersonId | undefined;
  readonly direction: 'in' | 'out';
  readonly kind: (typeof KINDS)[number];
  readonly contentId: ContentId;
  readonly senderDevice: DeviceId;
  readonly content: Bytes;
  readonly atMs: number;
  readonly writtenAtMs: number;
  readonly acceptedAtMs: number;
  readonly chain: { readonly id: ChainId; readonly seq: number } | undefined;
  readonly isUnread: boolean;
  /** What its reader has said of a message of one's own. */
  readonly receipt: 'delivered' | 'read' | undefined;
  readonly timerMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Edits, reactions and votes, as they were sent. */
  readonly changes?: readonly HistoryChange[];
}

/** A change of a message as it travels with it. */
export interface HistoryChange {
  readonly contentId: ContentId;
  readonly who: PersonId;
  readonly device: DeviceId;
  readonly atMs: number;
  readonly content: Bytes;
}

/** Numbers of a chain whose messages have no line of their own: changes, deletions, copies of what was sent, and what was removed. */
export interface HistoryNumbers {
  readonly senderDevice: DeviceId;
  readonly chain: ChainId;
  readonly from: number;
  readonly to: number;
}

/** What a part holds. */
export interface HistoryPart {
  readonly people: readonly Person[];
  readonly settings: readonly z.infer<typeof SettingState>[];
  readonly read: readonly ReadState[];
  readonly items: readonly HistoryItem[];
  /** What whoever gives the history has had beside it, so that nobody takes it for missing. */
  readonly numbers: readonly HistoryNumbers[];
}

const id = z.custom<Bytes>((value) => value instanceof Uint8Array && value.length === 17);
const index = z.number().int().min(-1);
const time = z.number().int().min(0);
const item = z
  .tuple([index, z.number(), z.number(), id, index, z.custom<Bytes>((value) => value instanceof Uint8Array)])
  .rest(z.union([z.number(), z.null()]));
const part = z.object({
  people: z.array(z.object({ personId: id, mail: z.string().max(254), name: z.string().max(200) })),
  settings: z.array(SettingState),
  read: z.array(ReadState),
  persons: z.array(id),
  devices: z.array(id),
  chains: z.array(id),
  items: z.array(item),
  /** Of the item at an index: content id, person, device, time, content. */
  changes: z
    .array(z.tuple([index, id, index, index, time, z.custom<Bytes>((value) => value instanceof Uint8Array)]))
    .default([]),
  /** Device and chain by their index, first and last number. */
  numbers: z.array(z.tuple([index, index, time, time])).default([]),
});

/** @see HistoryPart */
export function encodeHistoryPart({ people, settings, read, items, numbers }: HistoryPart): Bytes {
  const persons = new Table<PersonId | GroupId>();
  const devices = new Table<DeviceId>();
  const chains = new Table<ChainId>();
  const encoded = items.map((one) => [
    persons.indexOf(one.peer),
    one.direction === 'in' ? 0 : 1,
    KINDS.indexOf(one.kind),
    idToBytes(one.contentId),
    devices.indexOf(one.senderDevice),
    one.content,
    one.atMs,
    one.writtenAtMs,
    one.acceptedAtMs,
    one.chain === undefined ? -1 : chains.indexOf(one.chain.id),
    one.chain?.seq ?? 0,
    (one.isUnread ? UNREAD : 0) | (one.receipt ? DELIVERED : 0) | (one.receipt === 'read' ? READ : 0),
    one.timerMs ?? null,
    one.expiresAtMs ?? null,
    ...(one.author === undefined ? [] : [persons.indexOf(one.author)]),
  ]);
  const changes = items.flatMap((one, at) =>
    (one.changes ?? []).map(({ contentId, who, device, atMs, content }) => [
      at,
      idToBytes(contentId),
      persons.indexOf(who),
      devices.indexOf(device),
      atMs,
      content,
    ]),
  );
  const ranges = numbers.map(({ senderDevice, chain, from, to }) => [
    devices.indexOf(senderDevice),
    chains.indexOf(chain),
    from,
    to,
  ]);
  return encodeCbor({
    people: people.map(({ personId, mail, name }) => ({ personId: idToBytes(personId), mail, name })),
    settings,
    read,
    persons: persons.bytes(),
    devices: devices.bytes(),
    chains: chains.bytes(),
    items: encoded,
    ...(changes.length > 0 && { changes }),
    ...(ranges.length > 0 && { numbers: ranges }),
  });
}

/** Undefined for what this release cannot read. */
export function decodeHistoryPart(bytes: Uint8Array): HistoryPart | undefined {
  try {
    const { people, settings, read, persons, devices, chains, items, changes, numbers } = part.parse(
      decodeCbor(bytes),
    );
    const changesOf = Map.groupBy(changes, ([at]) => at);
    return {
      people: people.map((person) => ({ ...person, personId: idFromBytes('person', person.personId) })),
      settings,
      read,
      items: items.flatMap((one, itemAt): HistoryItem[] => {
        const [peerAt, direction, kindAt, contentId, deviceAt, content, ...numbers] = one;
        const [atMs, writtenAtMs, acceptedAtMs, chainAt, seq, flags, timerMs, expiresAtMs, authorAt] =
          numbers;
        const [peer, device, kind] = [persons[peerAt], devices[deviceAt], KINDS[kindAt]];
        if (peer === undefined || device === undefined || kind === undefined) return [];
        const chain = chains[chainAt ?? -1];
        const own = (changesOf.get(itemAt) ?? []).flatMap((change): HistoryChange[] => {
          const [, changeId, whoAt, onAt, changedAtMs, changed] = change;
          const [who, on] = [persons[whoAt], devices[onAt]];
          if (who === undefined || on === undefined) return [];
          return [
            {
              contentId: idFromBytes('content', changeId),
              who: idFromBytes('person', who),
              device: idFromBytes('device', on),
              atMs: changedAtMs,
              content: Uint8Array.from(changed),
            },
          ];
        });
        const author = persons[authorAt ?? -1];
        const flag = (bit: number) => ((flags ?? 0) & bit) !== 0;
        return [
          {
            peer: peer[0] === ID_TYPES.group.byte ? idFromBytes('group', peer) : idFromBytes('person', peer),
            author: author && idFromBytes('person', author),
            direction: direction === 0 ? 'in' : 'out',
            kind,
            contentId: idFromBytes('content', contentId),
            senderDevice: idFromBytes('device', device),
            content: Uint8Array.from(content),
            atMs: time.parse(atMs),
            writtenAtMs: time.parse(writtenAtMs),
            acceptedAtMs: time.parse(acceptedAtMs),
            chain: chain && { id: idFromBytes('chain', chain), seq: time.parse(seq) },
            isUnread: flag(UNREAD),
            receipt: flag(READ) ? 'read' : flag(DELIVERED) ? 'delivered' : undefined,
            timerMs: timerMs ?? undefined,
            expiresAtMs: expiresAtMs ?? undefined,
            ...(own.length > 0 && { changes: own }),
          },
        ];
      }),
      numbers: numbers.flatMap(([deviceAt, chainAt, from, to]): HistoryNumbers[] => {
        const [device, chain] = [devices[deviceAt], chains[chainAt]];
        if (device === undefined || chain === undefined || from > to) return [];
        return [
          { senderDevice: idFromBytes('device', device), chain: idFromBytes('chain', chain), from, to },
        ];
      }),
    };
  } catch {
    return undefined;
  }
}

/** Ids by the number of their first use. */
class Table<T extends PersonId | GroupId | DeviceId | ChainId> {
  readonly #numbers = new Map<T, number>();

  indexOf(value: T): number {
    const known = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, known);
    return known;
  }
  bytes(): Bytes[] {
    return [...this.#numbers.keys()].map((value) => idToBytes(value));
  }
}
