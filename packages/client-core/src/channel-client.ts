/**
 * The client's end of the device channel above the record layer (wire.md §3): requests and their answers, submits and
 * theirs, events, deliveries. Records go in and out as bytes; whoever holds the socket moves them.
 */
import {
  ACK_PACE,
  type CborValue,
  decodeControl,
  decodeDelivery,
  decodeSubmitAnswer,
  EVENTS,
  Event,
  type EventData,
  type EventName,
  encodeAck,
  encodeControl,
  encodeSubmit,
  fromWireError,
  isErrorCode,
  KuvertError,
  METHODS,
  type MethodName,
  RECORD_TYPES,
  Response,
  type Submit,
} from '@kuvert/protocol';
import type { Accepted, Clock, Connection, ConnectionEvents, MethodParams, MethodResult } from './ports.ts';

/** How long an answer may take. A connection that does not answer is given up: it would hold the order of everything behind it. */
const ANSWER_TIMEOUT_MS = 20_000;

/** The server stops at 4 MiB without acknowledgement. */
const ACK_BYTES = 524_288;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (reason: KuvertError) => void;
  readonly method: MethodName | undefined;
  readonly cancelTimer: () => void;
}

/** The link below: an established channel. */
export interface RecordLink {
  /** Queues a record; records of one tick travel together. */
  send(record: Uint8Array): void;
  /** Sends what is queued, then closes. */
  close(): void;
}

/** @see Connection */
export class ChannelClient implements Connection {
  readonly #link: RecordLink;
  readonly #events: ConnectionEvents;
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #lastNo = 0;
  /** Deliveries up to here are stored, and up to there the server knows. */
  #storedUpTo = 0;
  #acknowledgedUpTo = 0;
  #unacknowledgedBytes = 0;
  #cancelAck: (() => void) | undefined;
  #ended: KuvertError | undefined;
  #closingCode: KuvertError | undefined;

  constructor(options: { link: RecordLink; events: ConnectionEvents; clock: Clock }) {
    this.#link = options.link;
    this.#events = options.events;
    this.#clock = options.clock;
  }

  async request<N extends MethodName>(method: N, params: MethodParams<N>): Promise<MethodResult<N>> {
    const answer = await this.#ask<{ result: unknown }>(method, (id) =>
      encodeControl('request', { id, method, params: params as CborValue }),
    );
    const parsed = METHODS[method].result.safeParse(answer.result);
    if (!parsed.success) throw new KuvertError('bad_request', { details: { method } });
    return parsed.data as MethodResult<N>;
  }

  submit(submit: Omit<Submit, 'requestNo'>): Promise<Accepted> {
    return this.#ask<Accepted>(undefined, (requestNo) => encodeSubmit({ ...submit, requestNo }));
  }

  ack(upTo: number): void {
    if (this.#ended !== undefined || upTo <= this.#storedUpTo) return;
    this.#storedUpTo = upTo;
    if (upTo - this.#acknowledgedUpTo >= ACK_PACE.deliveries || this.#unacknowledgedBytes >= ACK_BYTES)
      this.#acknowledge();
    else this.#cancelAck ??= this.#clock.after(ACK_PACE.manyMs, () => this.#acknowledgeMany());
  }

  #acknowledgeMany(): void {
    if (this.#storedUpTo - this.#acknowledgedUpTo >= ACK_PACE.many) this.#acknowledge();
    else this.#cancelAck = this.#clock.after(ACK_PACE.fewMs - ACK_PACE.manyMs, () => this.#acknowledge());
  }

  close(): void {
    if (this.#ended === undefined) this.#acknowledge();
    this.#end(new KuvertError('server_unreachable', { details: { closed: 'here' } }));
    this.#link.close();
  }

  /** Takes a record from the server. A record that cannot be read ends the connection. */
  receive(record: Uint8Array): void {
    if (this.#ended !== undefined) return;
    try {
      this.#read(record);
    } catch (cause) {
      this.failed(cause instanceof KuvertError ? cause : new KuvertError('channel_broken', { cause }));
    }
  }

  /** The link below has ended. */
  failed(reason: KuvertError): void {
    this.#end(this.#closingCode ?? reason);
    this.#link.close();
  }

  #acknowledge(): void {
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    if (this.#storedUpTo === this.#acknowledgedUpTo) return;
    this.#acknowledgedUpTo = this.#storedUpTo;
    this.#unacknowledgedBytes = 0;
    this.#link.send(encodeAck(this.#storedUpTo));
  }

  #read(record: Uint8Array): void {
    switch (record[0]) {
      case RECORD_TYPES.deliver:
        this.#unacknowledgedBytes += record.length;
        this.#events.onDelivery(decodeDelivery(record));
        return;
      case RECORD_TYPES.submitAnswer: {
        const answer = decodeSubmitAnswer(record);
        const waiting = this.#take(answer.requestNo, true);
        if (waiting === undefined) return;
        if ('error' in answer) waiting.reject(fromWireError(answer.error));
        else waiting.resolve({ acceptedAtMs: answer.acceptedAtMs, legs: answer.legs } as never);
        return;
      }
      case RECORD_TYPES.response: {
        const answer = parse(Response, decodeControl(record));
        const waiting = this.#take(answer.id, false);
        if (waiting === undefined) return;
        if ('error' in answer) waiting.reject(fromWireError(answer.error));
        else waiting.resolve({ result: answer.result } as never);
        return;
      }
      case RECORD_TYPES.event: {
        const event = parse(Event, decodeControl(record));
        // A newer server may have events that this release does not know.
        if (!Object.hasOwn(EVENTS, event.event)) return;
        const name = event.event as EventName;
        const data = parse<unknown>(EVENTS[name], event.data ?? {});
        if (name === 'closing') {
          const { code } = data as EventData<'closing'>;
          this.#closingCode = new KuvertError(isErrorCode(code) ? code : 'server_unreachable');
        }
        this.#events.onEvent(name, data as EventData<typeof name>);
        return;
      }
      default:
        throw new KuvertError('bad_request');
    }
  }

  #ask<T>(method: MethodName | undefined, encode: (no: number) => Uint8Array): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const no = this.#nextNo();
      const record = encode(no);
      const cancelTimer = this.#clock.after(ANSWER_TIMEOUT_MS, () => {
        this.failed(new KuvertError('server_unreachable', { details: { timeout: true } }));
      });
      this.#waiting.set(no, { resolve: resolve as (value: never) => void, reject, method, cancelTimer });
      // What is due travels in the same frame.
      this.#acknowledge();
      this.#link.send(record);
    });
  }

  #nextNo(): number {
    do this.#lastNo = (this.#lastNo % 0xffffffff) + 1;
    while (this.#waiting.has(this.#lastNo));
    return this.#lastNo;
  }

  /** An answer to nothing is ignored: its question may have been given up. One of the other sort breaks the rules. */
  #take(no: number, isSubmit: boolean): Waiting | undefined {
    const waiting = this.#waiting.get(no);
    if (waiting === undefined) return undefined;
    if ((waiting.method === undefined) !== isSubmit) throw new KuvertError('bad_request');
    this.#waiting.delete(no);
    waiting.cancelTimer();
    return waiting;
  }

  #end(reason: KuvertError): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.#cancelAck?.();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) {
      one.cancelTimer();
      one.reject(reason);
    }
    this.#events.onClose(reason);
  }
}

/** The part of a schema that is needed here. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false };
}

function parse<T>(schema: Schema<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new KuvertError('bad_request');
  return parsed.data;
}
