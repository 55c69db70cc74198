/** What a campaign in a group and its halls say to each other. */
import type { Standing } from '../person-talk.ts';

/** A person of a hall. */
export interface HallMember {
  readonly profileDir: string;
  readonly secretHex: string;
  /** For enrolling, in the first life of the hall. */
  readonly token: string | undefined;
  /** Writes to the group; the others read. */
  readonly isTalker: boolean;
}

/** What a hall is started with, as its first order. */
export interface HallSettings {
  readonly members: readonly HallMember[];
  readonly serverUrl: string;
  readonly notebook: string;
  /** First part of the names of what this process intends; no two processes share it. */
  readonly life: string;
  readonly seed: string;
  readonly title: string;
}

/** To a hall. */
export type HallOrder =
  | { readonly do: 'come'; readonly settings: HallSettings }
  /** The first member makes the group with everybody at these addresses. */
  | { readonly do: 'found'; readonly mails: readonly string[] }
  /** Talkers write, each so many messages. */
  | { readonly do: 'talk'; readonly messages: number }
  | { readonly do: 'be-quiet' }
  /** Everybody sends and fetches what there is, then how things stand with all of them is told. */
  | { readonly do: 'flush' }
  | { readonly do: 'leave' };

/** From a hall. */
export type HallAnswer =
  /** Some more members have done what was asked; hundreds of them take their time, and whoever waits knows that it goes on. */
  | { readonly type: 'going-on' }
  | { readonly type: 'ready'; readonly devices: readonly { person: string; device: string }[] }
  | { readonly type: 'founded'; readonly group: string }
  | { readonly type: 'standings'; readonly standings: readonly HallStanding[] };

/** How things stand with a member. */
export type HallStanding = Standing & {
  readonly device: string;
  /** Messages that it has shown in all its lives. */
  readonly shown: number;
};
