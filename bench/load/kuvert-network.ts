/**
 * Devices of Kuvert without anything behind them: real handshakes, records and acknowledgements, dummy bytes for legs. Also speaks to
 * the layered server (`layers/server.ts`), with Noise or without.
 */
import { randomBytes } from 'node:crypto';
import { ClientHandshake, type StaticKeyPair } from '@kuvert/crypto/channel';
import { entryHash, signEntry } from '@kuvert/crypto/groups';
import {
  ACK_PACE,
  type CborValue,
  CHANNEL_PATH,
  decodeControl,
  decodeSubmitAnswer,
  encodeAck,
  encodeCbor,
  encodeControl,
  GROUP_LIMITS,
  idToBytes,
  makeId,
  PROTOCOL_VERSIONS,
  RECORD_TYPES,
  Response,
  u32At,
} from '@kuvert/protocol';
import { type Account, readAccounts } from '../seed/accounts.ts';
import {
  ANSWER_STATUS_AT,
  checkLayout,
  DELIVERY_AT,
  fillSubmit,
  groupTemplate,
  LEG_BYTES,
  SUBMIT_AT,
  submitTemplate,
  tagOf,
} from '../wire/layout.ts';
import { type Channel, PlainChannel } from '../wire/plain-channel.ts';
import { FrameConnection } from './frame-connection.ts';
import { inParallel } from './in-parallel.ts';
import {
  type Endpoint,
  failRun,
  type Group,
  type Network,
  type OnArrival,
  type PeerAddress,
  TickFlusher,
} from './network.ts';

/** A copy of a group's key, sealed to a device. */
const GROUP_KEY_BYTES = 96;
const CLIENT_VERSION = '0.1.0';
/** Connections that are opened at once. */
const OPENING_MAX = 16;

type KuvertAddress = Extract<PeerAddress, { kind: 'kuvert' }>;

/** What all endpoints of a load process share. */
interface Shared {
  readonly address: KuvertAddress;
  readonly accounts: readonly Account[];
  readonly flusher: TickFlusher;
  /** Keeps submit ids of this process apart from those of others. */
  readonly run: number;
  readonly templates: Map<number, Uint8Array>;
  readonly nowMs: () => number;
  /** Submits that the server asked to send again later. */
  refused: number;
}

/**
 * The devices of `address.accountsFile`.
 * @param nowMs the time in submit ids, where it is not that of the machine
 */
export function kuvertNetwork(address: KuvertAddress, nowMs: () => number = Date.now): Network {
  const accounts = readAccounts(address.accountsFile);
  const [first] = accounts;
  if (first !== undefined) checkLayout(first);
  const shared: Shared = {
    address,
    accounts,
    flusher: new TickFlusher(),
    run: randomBytes(4).readUInt32BE(),
    templates: new Map(),
    nowMs,
    refused: 0,
  };
  const connect = (account: number, onArrival: OnArrival) => KuvertEndpoint.open(shared, account, onArrival);
  return {
    bodyBytes: LEG_BYTES,
    groupShape: 'group',
    get refused() {
      return shared.refused;
    },
    prepare: async () => undefined,
    connect,
    openGroup: (members, onArrival) => openGroup(shared, members, onArrival),
  };
}

/**
 * A group of all these accounts' people, made by the first of them, who also sends and gets nothing. The keys in it are dummies, as legs are: the
 * server cannot open any.
 */
async function openGroup(shared: Shared, members: readonly number[], onArrival: OnArrival): Promise<Group> {
  const [from = 0, ...to] = members;
  const receivers = await inParallel(to.length, OPENING_MAX, (i) =>
    KuvertEndpoint.open(shared, to[i] as number, onArrival),
  );
  const sender = await KuvertEndpoint.open(shared, from, () => failRun('a message came back to its sender'));
  const account = shared.accounts[from] ?? failRun(`there is no account ${from}`);
  const group = makeId('group', randomBytes(16));
  let prevHash = new Uint8Array(32);
  for (let at = 0, seq = 1; at < to.length; at += GROUP_LIMITS.peopleMax, seq++) {
    const some = to.slice(at, at + GROUP_LIMITS.peopleMax).flatMap((number) => shared.accounts[number] ?? []);
    const entry = signEntry(account.signingPrivate, {
      v: 1,
      tenant: account.tenantId,
      group,
      seq,
      prevHash,
      at: shared.nowMs(),
      person: account.personId,
      device: account.deviceId,
      people: some.map(({ personId }) => personId),
      ...(seq === 1
        ? { action: 'create', key: { number: 1, hash: new Uint8Array(32) } }
        : { action: 'add', role: 'member' }),
    });
    const keys = some.map(({ deviceId }) => ({ device: deviceId, sealed: new Uint8Array(GROUP_KEY_BYTES) }));
    await sender.request('groups.change', { entry, keys });
    prevHash = entryHash(entry);
  }
  const { set } = (await sender.request('groups.devices', { group })) as { set: Uint8Array };
  const template = groupTemplate({ group, set });
  return {
    send: (tag) => sender.submit(template, tag, SUBMIT_AT.body),
    traffic: () => ({
      sent: sender.traffic.sent,
      received: receivers.reduce((sum, { traffic }) => sum + traffic.received, 0),
    }),
    async close() {
      await Promise.all([sender, ...receivers].map((endpoint) => endpoint.close()));
    },
  };
}

/** Numbers submits over all connections of this process, so that they can also tell their ids apart. */
let submitsMade = 0;

class KuvertEndpoint implements Endpoint {
  readonly #shared: Shared;
  readonly #connection: FrameConnection;
  readonly #channel: Channel;
  readonly #onArrival: OnArrival;
  readonly #whenSettled: (() => void)[] = [];
  readonly #ready = Promise.withResolvers<void>();
  /** Submits without an answer, by number. */
  readonly #open = new Map<number, Uint8Array>();
  #answer: PromiseWithResolvers<CborValue> | undefined;
  #lastSeq = 0;
  #acknowledged = 0;
  #acknowledging: NodeJS.Timeout | undefined;
  #closing = false;

  private constructor(parts: {
    readonly shared: Shared;
    readonly connection: FrameConnection;
    readonly channel: Channel;
    readonly onArrival: OnArrival;
  }) {
    this.#shared = parts.shared;
    this.#connection = parts.connection;
    this.#channel = parts.channel;
    this.#onArrival = parts.onArrival;
    parts.connection.listen({
      onFrame: (frame) => {
        for (const record of this.#channel.open(frame)) this.#receive(record);
      },
      onEnd: () => {
        if (!this.#closing) failRun('the server ended a connection');
      },
    });
  }

  static async open(shared: Shared, number: number, onArrival: OnArrival): Promise<KuvertEndpoint> {
    const { address, accounts } = shared;
    const account = accounts[number] ?? failRun(`there is no account ${number}`);
    const connection = await FrameConnection.open({ port: address.port, path: CHANNEL_PATH });
    const channel =
      address.channel === 'noise'
        ? await shakeHands(connection, account, Buffer.from(address.serverStatic, 'base64'))
        : introduce(connection, account);
    const endpoint = new KuvertEndpoint({ shared, connection, channel, onArrival });
    await endpoint.#ready.promise;
    return endpoint;
  }

  send(to: number, tag: number): void {
    const { accounts, templates } = this.#shared;
    let template = templates.get(to);
    if (template === undefined) {
      template = submitTemplate(accounts[to] ?? failRun(`there is no account ${to}`));
      templates.set(to, template);
    }
    this.submit(template, tag);
  }

  /** Sends a message made from a template. @param tagAt where its tag goes */
  submit(template: Uint8Array, tag: number, tagAt?: number): void {
    const { flusher, run, nowMs } = this.#shared;
    const requestNo = ++submitsMade;
    const record = fillSubmit(template, { requestNo, nowMs: nowMs(), run, tag }, tagAt);
    this.#open.set(requestNo, record);
    this.#channel.queue(record);
    flusher.mark(this);
  }

  /** Asks the server something, one question at a time. */
  async request(method: string, params: CborValue): Promise<CborValue> {
    this.#answer = Promise.withResolvers<CborValue>();
    this.#channel.queue(encodeControl('request', { id: 1, method, params }));
    this.#shared.flusher.mark(this);
    const answer = Response.parse(await this.#answer.promise);
    if ('error' in answer) failRun(`${method} was refused: ${answer.error.code}`);
    return answer.result as CborValue;
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    return this.#connection.traffic;
  }

  settled(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#connection.close(this.#takeFrames());
  }

  destroy(): void {
    this.#closing = true;
    clearTimeout(this.#acknowledging);
    this.#connection.destroy();
  }

  flush(): void {
    const frames = this.#takeFrames();
    if (frames.length > 0) this.#connection.send(frames);
  }

  /** What is queued, with an acknowledgement of all that has come. */
  #takeFrames(): readonly Uint8Array[] {
    if (this.#lastSeq > this.#acknowledged) {
      clearTimeout(this.#acknowledging);
      this.#acknowledging = undefined;
      this.#acknowledged = this.#lastSeq;
      this.#channel.queue(encodeAck(this.#lastSeq));
    }
    return this.#channel.flush();
  }

  #receive(record: Uint8Array): void {
    switch (record[0]) {
      case RECORD_TYPES.deliver:
        this.#lastSeq = u32At(record, DELIVERY_AT.seq);
        this.#acknowledgeSoon();
        this.#onArrival(tagOf(record), record.length);
        return;
      case RECORD_TYPES.submitAnswer:
        if (record[ANSWER_STATUS_AT] === 0) this.#accepted(record);
        else this.#refused(record);
        return;
      case RECORD_TYPES.response:
        this.#answer?.resolve(decodeControl(record));
        return;
      case RECORD_TYPES.event:
        this.#event(decodeControl(record) as { event?: unknown; data?: unknown });
        return;
      default:
        failRun('a record of an unexpected type');
    }
  }

  /** As clients do: with what is written next, but after so many deliveries or so long in any case. */
  #acknowledgeSoon(): void {
    if (this.#lastSeq - this.#acknowledged >= ACK_PACE.deliveries) this.#shared.flusher.mark(this);
    else this.#acknowledging ??= setTimeout(() => this.#acknowledgeMany(), ACK_PACE.manyMs);
  }

  #acknowledgeMany(): void {
    if (this.#lastSeq - this.#acknowledged >= ACK_PACE.many) this.flush();
    else this.#acknowledging = setTimeout(() => this.flush(), ACK_PACE.fewMs - ACK_PACE.manyMs);
  }

  #accepted(answer: Uint8Array): void {
    const requestNo = u32At(answer, SUBMIT_AT.requestNo);
    if (!this.#open.delete(requestNo)) failRun('an answer to no submit');
    if (this.#open.size === 0) for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  /** A server that is asked for more than it has room for says when to come again; a client then sends the same bytes. */
  #refused(record: Uint8Array): void {
    const answer = decodeSubmitAnswer(record);
    const refusal = 'error' in answer ? answer.error : undefined;
    const again = this.#open.get(answer.requestNo);
    if (refusal?.retry.kind !== 'after' || again === undefined) failRun(`refused: ${refusal?.code}`);
    this.#shared.refused++;
    setTimeout(() => {
      this.#channel.queue(again);
      this.#shared.flusher.mark(this);
    }, refusal.retry.ms);
  }

  #event(event: { readonly event?: unknown; readonly data?: unknown }): void {
    if (event.event === 'drained') this.#ready.resolve();
    if (event.event === 'closing' && !this.#closing) {
      failRun(`the server closed a connection: ${JSON.stringify(event.data)}`);
    }
  }
}

const keyPairs = new WeakMap<Account, StaticKeyPair>();

/** The same object for each connection of a device, so that it is loaded once, as a client does that loses its connection. */
function keyPairOf(account: Account): StaticKeyPair {
  let pair = keyPairs.get(account);
  if (pair === undefined) {
    pair = { publicKey: account.noisePublic, privateKey: account.noisePrivate };
    keyPairs.set(account, pair);
  }
  return pair;
}

async function shakeHands(
  connection: FrameConnection,
  account: Account,
  serverStatic: Uint8Array,
): Promise<Channel> {
  const handshake = new ClientHandshake({
    mode: 'device',
    offered: PROTOCOL_VERSIONS,
    serverStatic,
    deviceKeyPair: keyPairOf(account),
  });
  const answer = connection.nextFrame();
  connection.send([handshake.begin()]);
  const hello = encodeCbor({
    tenant: account.tenantId,
    device: account.deviceId,
    clientVersion: CLIENT_VERSION,
    stateCounter: 0,
    policyVersion: 0,
  });
  const { channel, frame } = handshake.finish(await answer, hello);
  if (frame !== undefined) connection.send([frame]);
  return channel;
}

/** Without Noise a device just says which one it is. */
function introduce(connection: FrameConnection, account: Account): Channel {
  connection.send([idToBytes(account.deviceId)]);
  return new PlainChannel();
}
