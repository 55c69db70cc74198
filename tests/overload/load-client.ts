/**
 * A process of devices without anything behind them, which offer far more than a server can take: all their messages at once. Whoever
 * is refused does what a client does: keeps it, waits as long as it was told, sends the same bytes again in the same order. Started with the name
 * of a job file; writes what happened, in the order in which it happened, to the job's output file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { ClientHandshake, type SecureChannel } from '@kuvert/crypto/channel';
import {
  CHANNEL_PATH,
  CLASSES,
  decodeControl,
  decodeDelivery,
  decodeSubmitAnswer,
  encodeAck,
  encodeCbor,
  encodeSubmit,
  makeSubmitId,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  SUITES,
} from '@kuvert/protocol';
import { FrameConnection } from '../../bench/load/frame-connection.ts';
import { type Account, readAccounts } from '../../bench/seed/accounts.ts';

/** What to do. */
export interface Job {
  readonly port: number;
  /** Base64. */
  readonly serverStatic: string;
  readonly accountsFile: string;
  readonly outputFile: string;
  readonly messagesEach: number;
  readonly legBytes: number;
}

/** What happened, by number of the message: sender × messagesEach + place in its order. */
export type Happening =
  | {
      readonly what: 'sent' | 'refused';
      readonly message: number;
      readonly atMs: number;
      readonly code?: string;
    }
  | {
      readonly what: 'accepted';
      readonly message: number;
      readonly atMs: number;
      readonly acceptedAtMs: number;
    }
  | { readonly what: 'shown'; readonly message: number; readonly atMs: number; readonly device: number };

const job = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as Job;
const accounts = readAccounts(job.accountsFile);
const happenings: Happening[] = [];
const left = { toAccept: accounts.length * job.messagesEach, toShow: accounts.length * job.messagesEach };
const done = Promise.withResolvers<void>();
const startedMs = performance.now();
const atMs = () => performance.now() - startedMs;

function note(happening: Happening): void {
  happenings.push(happening);
  if (happening.what === 'accepted') left.toAccept--;
  if (happening.what === 'shown') left.toShow--;
  if (left.toAccept === 0 && left.toShow === 0) done.resolve();
}

class Device {
  readonly #number: number;
  readonly #connection: FrameConnection;
  readonly #channel: SecureChannel;
  readonly #to: Account;
  readonly #records: Uint8Array[] = [];
  readonly #open = new Set<number>();
  #refused: number[] = [];
  #pauseUntilMs = 0;
  readonly #welcome = Promise.withResolvers<void>();
  readonly #seen = new Set<number>();
  #lastSeq = 0;

  constructor(number: number, connection: FrameConnection, channel: SecureChannel) {
    this.#number = number;
    this.#connection = connection;
    this.#channel = channel;
    this.#to = accounts[(number + 1) % accounts.length] as Account;
    connection.listen({
      onFrame: (frame) => {
        for (const record of channel.open(frame)) this.#receive(record);
        if (this.#lastSeq > 0) this.#write([encodeAck(this.#lastSeq)]);
        this.#lastSeq = 0;
      },
      onEnd: () => done.reject(new Error('the server ended a connection that it had accepted')),
    });
  }

  static async connect(number: number): Promise<Device> {
    const account = accounts[number] as Account;
    const connection = await FrameConnection.open({ port: job.port, path: CHANNEL_PATH });
    const handshake = new ClientHandshake({
      mode: 'device',
      offered: PROTOCOL_VERSIONS,
      serverStatic: Buffer.from(job.serverStatic, 'base64'),
      deviceKeyPair: { publicKey: account.noisePublic, privateKey: account.noisePrivate },
    });
    const answer = connection.nextFrame();
    connection.send([handshake.begin()]);
    const hello = {
      tenant: account.tenantId,
      device: account.deviceId,
      clientVersion: '0.1.0',
      stateCounter: 0,
      policyVersion: 0,
    };
    const { channel, frame } = handshake.finish(await answer, encodeCbor(hello));
    // Listening before it speaks: what follows the welcome may be in the same packet.
    const device = new Device(number, connection, channel);
    connection.send([frame as Uint8Array]);
    await device.#welcome.promise;
    return device;
  }

  /** Writes all its messages down, then sends them all. */
  begin(): void {
    for (let place = 0; place < job.messagesEach; place++) {
      const message = this.#number * job.messagesEach + place;
      const leg = new Uint8Array(job.legBytes);
      const view = new DataView(leg.buffer);
      view.setUint32(0, message);
      // No two real legs end alike: the server knows by the end of a leg what comes again.
      view.setUint32(leg.length - 4, message);
      const random = new Uint8Array(10);
      new DataView(random.buffer).setUint32(0, message);
      this.#records.push(
        encodeSubmit({
          requestNo: place + 1,
          submitId: makeSubmitId(Date.now(), random),
          to: this.#to.personId,
          listHash: this.#to.listHash,
          suite: SUITES.signalPairwise,
          class: CLASSES.message,
          urgency: 1,
          lifetime: 1,
          legs: [{ device: this.#to.deviceId, bytes: leg }],
        }),
      );
    }
    this.#send(this.#records.map((_record, place) => place));
  }

  async close(): Promise<void> {
    this.#connection.listen({ onFrame: () => undefined, onEnd: () => undefined });
    await this.#connection.close();
  }

  #send(places: readonly number[]): void {
    for (const place of places) {
      this.#open.add(place);
      note({ what: 'sent', message: this.#number * job.messagesEach + place, atMs: atMs() });
    }
    this.#write(places.map((place) => this.#records[place] as Uint8Array));
  }

  #write(records: readonly Uint8Array[]): void {
    this.#connection.send(this.#channel.seal(records));
  }

  #receive(record: Uint8Array): void {
    if (record[0] === RECORD_TYPES.submitAnswer) this.#answered(decodeSubmitAnswer(record));
    else if (record[0] === RECORD_TYPES.deliver) {
      const { deliverySeq, leg } = decodeDelivery(record);
      this.#lastSeq = deliverySeq;
      const message = new DataView(leg.buffer, leg.byteOffset).getUint32(0);
      if (this.#seen.has(message)) return;
      this.#seen.add(message);
      note({ what: 'shown', message, device: this.#number, atMs: atMs() });
    } else if (record[0] === RECORD_TYPES.event) {
      const { event } = decodeControl(record) as { event: string };
      if (event === 'welcome') this.#welcome.resolve();
      if (event === 'closing') done.reject(new Error('the server closes a connection'));
    }
  }

  #answered(answer: ReturnType<typeof decodeSubmitAnswer>): void {
    const place = answer.requestNo - 1;
    const message = this.#number * job.messagesEach + place;
    this.#open.delete(place);
    if ('acceptedAtMs' in answer) {
      note({ what: 'accepted', message, atMs: atMs(), acceptedAtMs: answer.acceptedAtMs });
    } else {
      const { code, retry } = answer.error;
      if (retry.kind !== 'after') done.reject(new Error(`a refusal without a time: ${code}`));
      note({ what: 'refused', message, atMs: atMs(), code });
      this.#refused.push(place);
      this.#pauseUntilMs = Math.max(this.#pauseUntilMs, atMs() + (retry.kind === 'after' ? retry.ms : 0));
    }
    if (this.#open.size > 0 || this.#refused.length === 0) return;
    const again = this.#refused.sort((a, b) => a - b);
    this.#refused = [];
    setTimeout(() => this.#send(again), this.#pauseUntilMs - atMs());
  }
}

const devices: Device[] = [];
for (let number = 0; number < accounts.length; number++) devices.push(await Device.connect(number));
process.send?.({ type: 'begun' });
for (const device of devices) device.begin();
try {
  await done.promise;
} finally {
  writeFileSync(job.outputFile, JSON.stringify(happenings));
}
await Promise.all(devices.map((device) => device.close()));
