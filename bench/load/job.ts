/** What a load process is told and what it answers. Fields of results are named as those of the peers' load clients are. */
import type { AccountRange } from '../seed/accounts.ts';
import type { PeerAddress } from './network.ts';

/** How long a closed loop runs before it is measured, and how long it is measured in each of its turns. */
export interface Spell extends Turns {
  readonly warmUpMs: number;
  /** What must have arrived before as well: a server that compiles as it runs is not yet what it will be all day. */
  readonly warmUpMessages: number;
  /** Of each turn, before it is measured: until acknowledgements and deletes of what it sends come as fast as messages do. */
  readonly rampMs: number;
  readonly measuredMs: number;
  /** Behind each turn: what it has left to be done is not to be done in the turn of another server. */
  readonly restMs: number;
}

/** Servers that are compared take turns, because seconds of a machine differ more than servers do. */
export interface Turns {
  readonly turns: number;
}

/** Pairs that send the next message when the last one arrived: accounts first, first + 1 are the first pair, and so on. */
export interface OnlineScenario extends Spell {
  readonly what: 'online' | 'tenants';
  readonly accounts: AccountRange;
  /** Messages that each pair has in flight. */
  readonly window: number;
}

/** Messages for people who are away, then they come and get them. Senders are the accounts behind the people. */
export interface OfflineScenario extends Turns {
  readonly what: 'offline';
  /** How often it happens before it is measured, at least once. */
  readonly warmUps: number;
  readonly first: number;
  readonly people: number;
  readonly messagesEach: number;
  readonly senders: number;
  /** Messages that a sender has in flight. */
  readonly chunk: number;
  /** People who connect at once. */
  readonly connecting: number;
  /** Between storing and fetching. */
  readonly pauseMs: number;
}

/** One to many; the next message is sent when the last member has got this one. */
export interface FanoutScenario extends Spell {
  /** `fanout` counts those who receive, `group` everybody in it, as people do. */
  readonly what: 'fanout' | 'group';
  readonly first: number;
  readonly members: number;
}

/** Connections that do nothing. */
export interface IdleScenario extends Turns {
  readonly what: 'idle';
  readonly accounts: AccountRange;
  readonly settleMs: number;
}

/** Any of them. */
export type Scenario = OnlineScenario | OfflineScenario | FanoutScenario | IdleScenario;

/** What a load process is started with: it connects, warms up and says that it is ready. */
export interface Job {
  readonly address: PeerAddress;
  readonly scenario: Scenario;
}

/** What it is told from then on; each is answered when it is done, the last one with a {@link JobResult}. */
export type Order = 'turn' | 'finish';

/** A scenario on one server, connected and warmed up. */
export interface Running {
  /** Runs for a while and is measured. */
  turn(): Promise<void>;
  /** Disconnects and tells what all turns came to. */
  finish(): Promise<JobResult>;
}

/** Figures of one run. Rates are per second of the whole machine, CPU is that of the server's processes in microseconds. */
export type Figures = Readonly<Record<string, number | string>>;

/** What a load process answers. */
export interface JobResult {
  readonly figures: Figures;
  /** From the first turn to the last one, Unix milliseconds, for whoever counts something beside the only turn. */
  readonly window: { readonly fromMs: number; readonly toMs: number; readonly messages: number };
}
