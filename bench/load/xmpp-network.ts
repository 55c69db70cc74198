/**
 * Users of an XMPP server on loopback (RFC 6120, 6121; XEP-0045 for rooms, XEP-0077 to register): plain TCP, SASL PLAIN, and as much of
 * XML as the stanzas of a load test need. What is sent in one tick leaves with one write, as with our own devices.
 */
import type { Socket } from 'node:net';
import { XMPP_BODY_CHARACTERS } from '../wire/layout.ts';
import { inParallel } from './in-parallel.ts';
import { type Endpoint, failRun, type Group, type Network, TickFlusher } from './network.ts';
import { connectReading } from './read-into-one.ts';

const HOST = 'localhost';
const ROOMS = `conference.${HOST}`;
const PASSWORD = 'benchmark';
const OPENING_MAX = 16;
const STREAM = `<?xml version='1.0'?><stream:stream to='${HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
const FEATURES_END = '</stream:features>';
/** Base64 of the bytes that a leg of ours has, so a text that no parser has to escape. */
const BODY = Buffer.alloc((XMPP_BODY_CHARACTERS * 3) / 4, 0x5a).toString('base64');
/** How long all members of a room may take to see each other. */
const ROOM_MS = 60_000;

/** The users of one server; they register when they are prepared or connect for the first time. */
export function xmppNetwork(address: { readonly port: number }): Network {
  const flusher = new TickFlusher();
  const known = new Set<number>();
  const open = async (account: number, onArrival: (tag: number) => void, isPresent = true) => {
    const stream = await XmppStream.open({ port: address.port, flusher, onArrival });
    await stream.signIn({ user: nameOf(account), register: !known.has(account) });
    known.add(account);
    if (isPresent) stream.write('<presence/>');
    return stream;
  };
  return {
    bodyBytes: BODY.length,
    groupShape: 'room',
    refused: 0,
    async prepare(accounts) {
      await inParallel(accounts.length, OPENING_MAX, async (i) => {
        await (await open(accounts[i] as number, () => undefined, false)).close();
      });
    },
    connect: open,
    openGroup: (members, onArrival) => openRoom({ members, onArrival, open }),
  };
}

function nameOf(account: number): string {
  return `user${account}`;
}

/** A room as it is by default, without history. The first member sends and gets everything too. */
async function openRoom(options: {
  readonly members: readonly number[];
  readonly onArrival: (tag: number) => void;
  readonly open: (account: number, onArrival: (tag: number) => void) => Promise<XmppStream>;
}): Promise<Group> {
  const { members, onArrival, open } = options;
  const room = `room${members.length}at${Date.now()}@${ROOMS}`;
  const streams = await inParallel(members.length, OPENING_MAX, (i) => open(members[i] as number, onArrival));
  const join = (stream: XmppStream, number: number) =>
    stream.write(
      `<presence to='${room}/n${number}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>`,
    );
  const [owner = failRun('a room without members'), ...others] = streams;
  const before = owner.presences;
  join(owner, 0);
  await owner.until(() => owner.presences > before);
  await owner.request(
    `to='${room}' type='set'`,
    `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`,
  );
  others.forEach((stream, i) => {
    join(stream, i + 1);
  });
  // Everybody's own presence came first, then one from each other member.
  await Promise.all(streams.map((stream) => stream.until(() => stream.presences >= members.length)));
  return {
    send: (tag) => owner.message(room, 'groupchat', tag),
    traffic: () => ({
      sent: owner.traffic.sent,
      received: streams.reduce((sum, { traffic }) => sum + traffic.received, 0),
    }),
    async close() {
      await Promise.all(streams.map((stream) => stream.close()));
    },
  };
}

class XmppStream implements Endpoint {
  readonly #socket: Socket;
  readonly #flusher: TickFlusher;
  readonly #onArrival: (tag: number) => void;
  readonly #answers = new Map<string, () => void>();
  readonly #ended: Promise<void>;
  #text = '';
  #out = '';
  #wake: (() => void) | undefined;
  #isOpen = false;
  #closing = false;
  #requests = 0;
  presences = 0;

  private constructor(socket: Socket, flusher: TickFlusher, onArrival: (tag: number) => void) {
    this.#socket = socket;
    this.#flusher = flusher;
    this.#onArrival = onArrival;
    socket.on('error', () => undefined);
    this.#ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.once('close', () => {
      if (!this.#closing) failRun('the XMPP server ended a connection');
    });
  }

  static async open(options: {
    readonly port: number;
    readonly flusher: TickFlusher;
    readonly onArrival: (tag: number) => void;
  }): Promise<XmppStream> {
    // Its server says nothing before it was spoken to.
    const socket = connectReading(options.port, (bytes) => {
      if (stream !== undefined) stream.#read(bytes.toString('latin1'));
    });
    let stream: XmppStream | undefined;
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    stream = new XmppStream(socket, options.flusher, options.onArrival);
    return stream;
  }

  #read(text: string): void {
    this.#text += text;
    if (this.#isOpen) this.#readStanzas();
    this.#wake?.();
  }

  async signIn(as: { readonly user: string; readonly register: boolean }): Promise<void> {
    const { user, register } = as;
    this.#socket.write(STREAM);
    await this.#take(FEATURES_END);
    if (register) {
      this.#socket.write(
        `<iq type='set' id='register'><query xmlns='jabber:iq:register'><username>${user}</username><password>${PASSWORD}</password></query></iq>`,
      );
      // A user who exists already is answered with an error, which is just as well.
      await this.#take(/<iq[^>]*register[^>]*(\/>|>.*?<\/iq>)/s);
    }
    const secret = Buffer.from(`\0${user}\0${PASSWORD}`).toString('base64');
    this.#socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`);
    const answer = await this.#take(/<(success|failure).*?(\/>|<\/\1>)/s);
    if (!answer.startsWith('<success')) failRun(`the XMPP server refused to sign in: ${answer}`);
    this.#socket.write(STREAM);
    await this.#take(FEATURES_END);
    this.#socket.write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>b</resource></bind></iq>`,
    );
    await this.#take('</iq>');
    this.#isOpen = true;
  }

  send(to: number, tag: number): void {
    this.message(`${nameOf(to)}@${HOST}`, 'chat', tag);
  }

  message(to: string, type: 'chat' | 'groupchat', tag: number): void {
    this.write(`<message to='${to}' type='${type}' id='t${tag}'><body>${BODY}</body></message>`);
  }

  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#socket.bytesWritten, received: this.#socket.bytesRead };
  }

  /** A ping to the server, which handles the stanzas of a stream in order (XEP-0199). */
  settled(): Promise<void> {
    return this.request(`to='${HOST}' type='get'`, `<ping xmlns='urn:xmpp:ping'/>`);
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.flush();
    this.#socket.end('</stream:stream>');
    const giveUp = setTimeout(() => this.#socket.destroy(), 2_000);
    await this.#ended;
    clearTimeout(giveUp);
  }

  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  write(text: string): void {
    this.#out += text;
    this.#flusher.mark(this);
  }

  flush(): void {
    if (this.#out === '') return;
    this.#socket.write(this.#out, 'latin1');
    this.#out = '';
  }

  /** Sends an `iq` and waits for its answer. */
  request(attributes: string, content: string): Promise<void> {
    const id = `q${++this.#requests}`;
    this.write(`<iq ${attributes} id='${id}'>${content}</iq>`);
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  /** Waits for something that a stanza brings about. */
  async until(isTrue: () => boolean): Promise<void> {
    const deadline = Date.now() + ROOM_MS;
    while (!isTrue()) {
      if (Date.now() > deadline) failRun('the XMPP server kept a member of a room waiting');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Takes the stream's text up to and with `end`, before stanzas are read. */
  async #take(end: string | RegExp): Promise<string> {
    for (;;) {
      const found = typeof end === 'string' ? plainMatch(this.#text, end) : end.exec(this.#text);
      if (found !== null) {
        this.#text = this.#text.slice(found.index + found[0].length);
        return found[0];
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Cuts whole stanzas off the front. The server escapes `<` and `>` in texts and attributes, so tags can be searched for. */
  #readStanzas(): void {
    const text = this.#text;
    let at = 0;
    for (;;) {
      const start = text.indexOf('<', at);
      const headEnd = start < 0 ? -1 : text.indexOf('>', start);
      if (headEnd < 0) break;
      const head = text.slice(start, headEnd + 1);
      const name = /^<[\w:]*/.exec(head)?.[0].slice(1) ?? '';
      const isStanza = name === 'message' || name === 'iq' || name === 'presence';
      let end = headEnd + 1;
      if (isStanza && !head.endsWith('/>')) {
        const close = `</${name}>`;
        const closeAt = text.indexOf(close, end);
        if (closeAt < 0) break;
        end = closeAt + close.length;
      }
      at = end;
      if (name === 'message') this.#readMessage(head);
      else if (name === 'presence') this.presences++;
      else if (name === 'iq') this.#readAnswer(head);
    }
    this.#text = text.slice(at);
  }

  #readMessage(head: string): void {
    const tag = /\sid=['"]t(\d+)['"]/.exec(head)?.[1];
    if (tag !== undefined) this.#onArrival(Number(tag));
  }

  #readAnswer(head: string): void {
    const id = /\sid=['"](q\d+)['"]/.exec(head)?.[1] ?? '';
    this.#answers.get(id)?.();
    this.#answers.delete(id);
  }
}

function plainMatch(text: string, end: string): { readonly 0: string; readonly index: number } | null {
  const index = text.indexOf(end);
  return index < 0 ? null : { 0: end, index };
}
