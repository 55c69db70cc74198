import type { Child } from '../children.ts';

/** A process of a campaign that takes orders over its channel, is killed now and then, and comes back. */
export class OrderedProcess<Order extends object> {
  /** How it ended where nobody had ended it. */
  readonly unexpectedEnds: string[] = [];
  readonly #whenNotThere: string;
  #child: Child | undefined;

  /** @param whenNotThere what is told of an order while it does not run */
  constructor(whenNotThere: string) {
    this.#whenNotThere = whenNotThere;
  }

  /** From now on it is this one. */
  begin(child: Child): void {
    this.#child = child;
    child.ended.then(
      ({ code, signal }) => {
        if (this.#child === child) this.unexpectedEnds.push(`code ${code} signal ${signal}: ${child.stderr}`);
      },
      () => undefined,
    );
  }

  /** @throws Error while it does not run */
  get running(): Child {
    if (this.#child === undefined) throw new Error(this.#whenNotThere);
    return this.#child;
  }

  order(order: Order): void {
    const { process } = this.running;
    if (process.connected) process.send(order);
  }

  /** Does nothing while it does not run. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Kills it with -9 and waits for its end. */
  kill(): Promise<void> {
    return this.#end((child) => child.kill('SIGKILL'));
  }

  /** Orders it to end, and waits for that. */
  leave(order: Order): Promise<void> {
    return this.#end(() => this.order(order));
  }

  async #end(how: (child: Child) => void): Promise<void> {
    const child = this.running;
    how(child);
    // Only from here on its end is no surprise; one that had ended before is already told of.
    this.#child = undefined;
    await child.ended;
  }
}
