/** The network of a campaign: a proxy for each person, so that one of them can be away while the others talk. */
import { partition, pause } from './partition.ts';
import type { Dice, Fault } from './plan.ts';
import { type ProxiedConnection, TcpProxy } from './tcp-proxy.ts';

/** @see the head of this file */
export class Network implements AsyncDisposable {
  readonly #proxies: readonly TcpProxy[];
  /** People who are kept away. */
  readonly #away = new Set<number>();
  #comingAndGoing: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;

  /** @param dice choose among several servers, for each connection anew */
  constructor(people: number, dice: Dice) {
    const choose = (below: number): number => (below > 1 ? dice.below(below) : 0);
    this.#proxies = Array.from({ length: people }, () => new TcpProxy(choose));
  }

  async start(): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy.start()));
  }

  /** What a person believes to be the server. */
  urlFor(person: number): string {
    return this.#proxy(person).url;
  }

  /** Where the server is now, or one of several. */
  forwardTo(port: number, server = 0): void {
    for (const proxy of this.#proxies) proxy.forwardTo(port, server);
  }

  /** Connections of everybody. */
  get connections(): ProxiedConnection[] {
    return this.#proxies.flatMap((proxy) => [...proxy.connections]);
  }

  /** Acts out a partition. */
  part(fault: Extract<Fault, { kind: 'partition' }>, dice: Dice): Promise<void> {
    return partition({ proxies: this.#proxies, fault, dice });
  }

  /**
   * From now on mostly somebody is away for a moment, so that mailboxes are not empty: what nobody waits for is what a server that
   * loses something would lose.
   */
  letComeAndGo(dice: Dice): void {
    const stop = new AbortController();
    const comeAndGo = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const person = dice.below(this.#proxies.length);
        const proxy = this.#proxy(person);
        proxy.isReachable = false;
        for (const connection of proxy.connections) connection.reset();
        await pause(300 + dice.below(1_700));
        proxy.isReachable = !this.#away.has(person);
        await pause(dice.below(300));
      }
    };
    this.#comingAndGoing = { stop, ended: comeAndGo() };
  }

  /** Lets somebody neither come nor stay, until everything heals. */
  keepAway(person: number): void {
    this.#away.add(person);
    const proxy = this.#proxy(person);
    proxy.isReachable = false;
    for (const connection of proxy.connections) connection.reset();
  }

  /** Everybody is there and stays; connections that were broken stay broken. */
  async heal(): Promise<void> {
    this.#away.clear();
    this.#comingAndGoing?.stop.abort();
    await this.#comingAndGoing?.ended;
    this.#comingAndGoing = undefined;
    for (const proxy of this.#proxies) proxy.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.heal();
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }

  #proxy(person: number): TcpProxy {
    const proxy = this.#proxies[person];
    if (proxy === undefined) throw new Error('nobody has that number');
    return proxy;
  }
}
