/** What a campaign adds up to. */
import type { LedgerEvent } from '../ledger/events.ts';
import type { Finding, FindingCode } from '../ledger/finding.ts';
import type { Notebook } from './notebook.ts';
import type { Standing } from './person-talk.ts';

/** The result of a campaign. */
export interface CampaignResult {
  readonly ok: boolean;
  readonly seed: string;
  readonly seconds: number;
  /** Messages that people wanted to send, that the server was told by its client to have accepted, and that were shown. */
  readonly intended: number;
  readonly acknowledged: number;
  readonly shown: number;
  readonly lost: number;
  readonly shownTwice: number;
  readonly crossed: number;
  readonly reordered: number;
  /** Every finding of the checker by its code, those above included. */
  readonly findings: Readonly<Record<string, number>>;
  /** What else must not happen, in words. */
  readonly wrongs: readonly string[];
  /** Faults that were acted out, and that this machine does not allow. */
  readonly faults: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number>>;
  /** Notices that people would have seen at the end. */
  readonly notices: Readonly<Record<string, number>>;
  /** What did not open when it came, by the reason. It came again without anybody noticing. */
  readonly setAside: Readonly<Record<string, number>>;
  /** Accepted and shown, with the sender not yet told so at the end. */
  readonly undelivered: number;
  /** Ledger and findings of a failure. */
  readonly keptIn: string | undefined;
}

const LOST: readonly FindingCode[] = ['P1_lost', 'P1_outbox_lost', 'P1_delivered_untrue'];
const CROSSED: readonly FindingCode[] = ['P4_crossed_tenants', 'P4_wrong_person'];

/** Counts. */
export class Tally {
  keptIn: string | undefined;
  #undelivered = 0;
  readonly #seed: string;
  readonly #beganAt = performance.now();
  readonly #counts = { intended: 0, acknowledged: 0, shown: 0 };
  readonly #findings = new Map<string, number>();
  readonly #faults = new Map<string, number>();
  readonly #skipped = new Map<string, number>();
  readonly #notices = new Map<string, number>();
  readonly #setAside = new Map<string, number>();
  readonly #wrongs: string[] = [];

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** True while nothing was found. */
  get isClean(): boolean {
    return this.#findings.size + this.#notices.size + this.#wrongs.length === 0;
  }

  done(fault: string): void {
    add(this.#faults, fault);
  }

  skipped(fault: string): void {
    add(this.#skipped, fault);
  }

  /**
   * Counts how things stand with a device at the end, and writes down which messages it knows to be missing. People of honest devices and an honest
   * server are told of nothing, whatever breaks: what is news has to be taken out before.
   */
  stands(device: string, { notices, surprises, undelivered }: Standing, notebook: Notebook): void {
    this.#undelivered += undelivered;
    for (const surprise of surprises) this.wrong(`a client was surprised: ${surprise}`);
    for (const { kind, deviceId, code, count = 1 } of notices) {
      add(this.#notices, code === undefined ? kind : `${kind} ${code}`);
      if (kind === 'messages_missing' && deviceId !== undefined)
        notebook.record({ kind: 'noticed', device, from: deviceId, count });
    }
  }

  /** Something did not open when it came. */
  setAside(reason: string): void {
    add(this.#setAside, reason);
  }

  /** Something that must not happen, in words. */
  wrong(what: string): void {
    this.#wrongs.push(what);
  }

  checked(ledger: readonly LedgerEvent[], findings: readonly Finding[]): void {
    const count = (kind: LedgerEvent['kind']): number => ledger.filter((event) => event.kind === kind).length;
    this.#counts.intended += count('intended');
    this.#counts.acknowledged += count('accepted');
    this.#counts.shown += count('displayed');
    for (const { code } of findings) add(this.#findings, code);
  }

  /** Where it stands, in one line. */
  line(): string {
    const { acknowledged, lost, shownTwice, crossed, reordered, seconds } = this.result();
    return `${acknowledged} acknowledged, ${lost} lost, ${shownTwice} shown twice, ${crossed} crossed, ${reordered} reordered, ${seconds} s`;
  }

  result(): CampaignResult {
    const sum = (codes: readonly FindingCode[]): number =>
      codes.reduce((total, code) => total + (this.#findings.get(code) ?? 0), 0);
    return {
      ok: this.isClean,
      seed: this.#seed,
      seconds: Math.round((performance.now() - this.#beganAt) / 1_000),
      ...this.#counts,
      lost: sum(LOST),
      shownTwice: sum(['P2_shown_twice']),
      crossed: sum(CROSSED),
      reordered: sum(['P2_reordered']),
      findings: Object.fromEntries(this.#findings),
      wrongs: this.#wrongs,
      faults: Object.fromEntries(this.#faults),
      skipped: Object.fromEntries(this.#skipped),
      notices: Object.fromEntries(this.#notices),
      setAside: Object.fromEntries(this.#setAside),
      undelivered: this.#undelivered,
      keptIn: this.keptIn,
    };
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
