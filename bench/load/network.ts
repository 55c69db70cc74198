/** What scenarios know of a peer: accounts that connect, send numbered messages and hear of those that arrive. */

/** Called with each message that arrives; `bytes` is how long its record is, where the peer has records. */
export type OnArrival = (tag: number, bytes?: number) => void;

/** An account that is connected. */
export interface Endpoint {
  /** Sends a message of the usual size to an account. All that is sent in one tick leaves together. */
  send(to: number, tag: number): void;
  /** Resolves when the server has told that everything sent so far is in its hands. */
  settled(): Promise<void>;
  /** Acknowledges what arrived, then ends the connection. */
  close(): Promise<void>;
  /** Drops the connection. */
  destroy(): void;
}

/** One sender and those who get everything that it sends to them all. */
export interface Group {
  send(tag: number): void;
  /** Bytes on the sockets so far: what the sender has written and what all who receive have read. */
  traffic(): { readonly sent: number; readonly received: number };
  close(): Promise<void>;
}

/** A peer as scenarios see it. */
export interface Network {
  /** Bytes of a message's body as this peer carries them. */
  readonly bodyBytes: number;
  /** How a message to many is made here. */
  readonly groupShape: 'group' | 'room';
  /** Messages that the server refused for the moment and that were sent again. */
  readonly refused: number;
  /** Makes sure that accounts exist. */
  prepare(accounts: readonly number[]): Promise<void>;
  /** Connects an account; resolves when everything that waited for it has arrived. */
  connect(account: number, onArrival: OnArrival): Promise<Endpoint>;
  /** @param onArrival called for each member and message */
  openGroup(members: readonly number[], onArrival: OnArrival): Promise<Group>;
}

/** Where a peer listens and which processes it consists of. */
export type PeerAddress =
  | {
      readonly kind: 'kuvert';
      readonly port: number;
      readonly pids: readonly number[];
      readonly accountsFile: string;
      /** `plain` for layers without Noise. */
      readonly channel: 'noise' | 'plain';
      /** The key that devices pin, in base64. */
      readonly serverStatic: string;
    }
  | { readonly kind: 'xmpp'; readonly port: number; readonly pids: readonly number[] };

/** Writes of one tick leave together: `flush` of everything that was marked runs once the tick's input was read. */
export class TickFlusher {
  readonly #marked = new Set<{ flush(): void }>();
  #scheduled = false;

  mark(item: { flush(): void }): void {
    this.#marked.add(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      const now = [...this.#marked];
      this.#marked.clear();
      for (const each of now) each.flush();
    });
  }
}

/** Something that must not happen in a run: the load process ends with it. */
export function failRun(reason: string): never {
  throw new Error(reason);
}
