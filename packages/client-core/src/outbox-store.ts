/** The part of the port that keeps what is on its way out and what has been sent. `sender.ts` works through it. */
import type {
  ChainId,
  ContentId,
  DeviceId,
  ErrorCode,
  GroupId,
  PersonId,
  SubmitClass,
  SubmitId,
} from '@kuvert/protocol';

type Bytes = Uint8Array<ArrayBuffer>;

/** What is still to be done for an outbox row: make its legs, hand them to the server, or nothing; `hold`: its file is not there yet. */
export type OutboxWork = 'seal' | 'submit' | 'done' | 'hold';

/** To whom rows of the outbox go, in order. */
export type Lane = PersonId | GroupId;

/** A message or control message of one's own. */
export interface OutboxRow {
  /** Order of writing; within a conversation also of sending. */
  readonly seq: number;
  readonly contentId: ContentId;
  readonly kind: string;
  readonly class: SubmitClass;
  readonly toMail: string | undefined;
  readonly toPerson: PersonId | undefined;
  readonly toGroup?: GroupId | undefined;
  readonly content: Bytes;
  readonly sentAtMs: number;
  readonly work: OutboxWork;
  readonly problem: ErrorCode | undefined;
  /** Set aside for good: nothing is tried any more. */
  readonly parked: boolean;
  /** The frame as first made; every later leg carries the same bytes, since its commitment stands in the chain. */
  readonly frame: Bytes | undefined;
  readonly chain: { readonly id: ChainId; readonly seq: number; readonly linkAfter: Bytes } | undefined;
  readonly submitId: SubmitId | undefined;
  readonly listHash: Bytes | undefined;
  readonly body: Bytes | undefined;
  readonly acceptedAtMs: number | undefined;
  readonly deliveredAtMs: number | undefined;
  readonly resends: number;
}

/** What sealing a row gives. */
export interface SealedRow {
  readonly seq: number;
  readonly frame: Bytes;
  readonly chain: OutboxRow['chain'];
  readonly submitId: SubmitId;
  readonly listHash: Bytes;
  readonly body: Bytes | undefined;
  readonly legs: readonly {
    readonly device: DeviceId | GroupId;
    readonly bytes: Bytes;
    readonly hash: Bytes;
  }[];
}

/** What is on its way out, and what has been sent. */
export interface OutboxStore {
  add(
    row: Pick<
      OutboxRow,
      'contentId' | 'kind' | 'class' | 'toMail' | 'toPerson' | 'toGroup' | 'content' | 'sentAtMs'
    >,
  ): number;
  get(seq: number): OutboxRow | undefined;
  findByContentId(contentId: ContentId): OutboxRow | undefined;
  /** The message that was in a leg to this device. */
  findByLegHash(hash: Bytes, device: DeviceId): OutboxRow | undefined;
  /** The message that was in what a group was sent. */
  findToGroup(hash: Bytes): OutboxRow | undefined;
  /** Keeps a frame that was made before, to be sealed for one person. */
  setFrame(seq: number, frame: Bytes): void;
  /** Addresses of rows whose person is not known yet. */
  listUnresolvedMails(limit: number): string[];
  resolveMail(mail: string, personId: PersonId): void;
  /** People and groups to whom rows are to be sealed. */
  listLanesToSeal(): Lane[];
  listToSeal(lane: Lane, limit: number): OutboxRow[];
  /**
   * Rows to submit in order; those of a lane that come after one that must be sealed first are left out, so that no
   * message overtakes an earlier one.
   */
  listToSubmit(
    limit: number,
    except: { readonly seqs: Iterable<number>; readonly lanes: Iterable<Lane> },
  ): OutboxRow[];
  /** Numbers of the rows that are sealed and not accepted. */
  listSealed(): number[];
  /** Devices that were left out of an accepted row, and have not acknowledged it by another way. */
  listLeftOut(seq: number): DeviceId[];
  listLegs(seq: number): { device: DeviceId; bytes: Bytes }[];
  /** Keeps legs and frame; the row is to be submitted next. Legs made before stay known by their hash. */
  putSealed(sealed: SealedRow): void;
  /** @param dormant devices for which the server keeps nothing: whether the row is delivered does not hang on them */
  setAccepted(seq: number, acceptedAtMs: number, dormant?: readonly DeviceId[]): void;
  /** Messages whose acceptance is news: each is given once. */
  takeNewlyAccepted(limit: number): OutboxRow[];
  /** Takes back a message of which nothing has left. False when something may have. */
  withdraw(contentId: ContentId): boolean;
  /** Its text is kept no more, if the server has it: a device that cannot open it is not sent it again. */
  forgetContent(contentId: ContentId): void;
  /** To be sealed again: one row, or all of a lane that are not accepted and not in `except`. */
  setToSeal(seq: number): void;
  /** What the server has not accepted is made anew, from its content on. */
  unmakeWaiting(): void;
  setLaneToSeal(lane: Lane, except: Iterable<number>): void;
  /** To be sealed again because a device could not open it; counted. */
  addResend(seq: number): void;
  /** Counted, and sent in another row. */
  countResend(seq: number): void;
  setSubmitId(seq: number, submitId: SubmitId): void;
  /** Not to be sent before {@link OutboxStore.release}: its file is on its way. */
  hold(contentId: ContentId): void;
  release(contentId: ContentId): void;
  setProblem(seq: number, problem: ErrorCode): void;
  setLaneProblem(lane: Lane, problem: ErrorCode): void;
  setMailProblem(mail: string, problem: ErrorCode): void;
  setParked(seq: number, problem: ErrorCode): void;
  /** Deletes a row for which there is nobody: no other device of one's own. */
  discard(seq: number): void;
  /** A device is gone: nobody waits for its acknowledgement any more. */
  forgetDevice(device: DeviceId, atMs: number): void;
  /**
   * Messages to a person that the server has accepted only for devices that are gone before any of them had it are to be sealed again; with
   * `hold` they are set aside for that reason until {@link OutboxStore.releaseHeld}. @returns how many
   */
  resendUnreached(personId: PersonId, hold?: ErrorCode): number;
  /** Goes on with what was set aside for a reason that is over. True when there was any. */
  releaseHeld(personId: PersonId, hold: ErrorCode): boolean;
  /** People who were sent something before a time of which nothing is known to have arrived, the latest first. */
  listUnreachedPeople(acceptedBeforeMs: number, limit: number): PersonId[];
  /** Own messages that the server has not accepted, those set aside included. */
  countWaitingMessages(): number;
  /** Takes out control messages of a kind to this person that were not sealed yet: a new one says more. Gives their content. */
  takeUnsealed(personId: PersonId, kind: string): Bytes[];
  /**
   * `device` has everything of `chain` up to `seq`; gives the rows that are delivered by that: acknowledged by every device
   * that they were last sealed for.
   */
  acknowledgeChain(chain: ChainId, seq: number, device: DeviceId | GroupId, atMs: number): number;
  acknowledgeContent(contentId: ContentId, device: DeviceId, atMs: number): number;
  /** The row of a chain number. */
  findByChain(chain: ChainId, seq: number): OutboxRow | undefined;
  listSent(options: { personId?: PersonId; mail?: string; limit: number }): OutboxRow[];
  /** Deletes frames and legs that nobody can ask for any more, and control messages as a whole. */
  expire(beforeMs: number): void;
}
