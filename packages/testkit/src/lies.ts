/** A server that lies: the honest one of an installation, with some of its answers replaced. Restarting it makes it honest again. */
import { randomBytes } from 'node:crypto';
import { CLASSES, METHODS, type MethodName, type Methods, makeSubmitId, type Submit } from '@kuvert/protocol';
import type { TestInstallation } from './installation.ts';

type ResultOf<N extends MethodName> = Methods[N]['result']['_zod']['output'];
type ParamsOf<N extends MethodName> = Methods[N]['params']['_zod']['output'];

/**
 * Replaces what a method answers to devices, also to those that are only being enrolled or linked.
 * @returns makes it honest again
 */
export function lieAbout<N extends MethodName>(
  installation: TestInstallation,
  method: N,
  replace: (honest: ResultOf<N>, params: ParamsOf<N>) => ResultOf<N>,
): () => void {
  type Handler = (caller: unknown, params: ParamsOf<N>) => Promise<ResultOf<N>>;
  const { routes } = installation.server.context.channelHost;
  const handlers = routes[METHODS[method].access] as unknown as Map<string, Handler>;
  const honest = handlers.get(method);
  if (honest === undefined) throw new Error(`${method} has no handler`);
  handlers.set(method, async (caller, params) => replace(await honest(caller, params), params));
  return () => handlers.set(method, honest);
}

/** What a server does with submits that it does not store. */
export interface LostSubmits {
  /** How many came, the lost ones included. */
  count: number;
  /** Makes the server honest again. */
  stop(): void;
}

/** Answers some submits as accepted and throws them away. @param loses asked with the number of the submit, from 1 */
export function loseSubmits(installation: TestInstallation, loses: (number: number) => boolean): LostSubmits {
  const { channelHost } = installation.server.context;
  const { mailbox: honest } = channelHost;
  const host = channelHost as { mailbox: typeof honest };
  const lost: LostSubmits = {
    count: 0,
    stop() {
      host.mailbox = honest;
    },
  };
  host.mailbox = {
    ...honest,
    async onSubmit(connection, submit) {
      lost.count += 1;
      if (!loses(lost.count)) return honest.onSubmit(connection, submit);
      const legs = submit.legs.map(({ device }) => ({ device, outcome: 'stored' as const }));
      return { acceptedAtMs: installation.clock.nowMs(), legs };
    },
  };
  return lost;
}

/** Submits that a server has answered as accepted and keeps to itself. */
export interface HeldSubmits {
  readonly held: readonly Submit[];
  /** Puts one into the mailbox it was for, now, as often as this is called; or somewhere else. */
  deliver(submit: Submit, instead?: Partial<Submit>): Promise<void>;
  /** Makes the server honest again; what it keeps is still there to be delivered. */
  stop(): void;
}

/** Answers messages of people as accepted and keeps them, to be delivered late, in another order, twice, or to somebody else. */
export function holdMessages(installation: TestInstallation): HeldSubmits {
  const { channelHost } = installation.server.context;
  const { mailbox: honest } = channelHost;
  const host = channelHost as { mailbox: typeof honest };
  const held: Submit[] = [];
  const connections = new Map<Submit, Parameters<typeof honest.onSubmit>[0]>();
  host.mailbox = {
    ...honest,
    async onSubmit(connection, submit) {
      if (submit.class !== CLASSES.message) return honest.onSubmit(connection, submit);
      // Legs are views into the record, which is used again.
      const legs = submit.legs.map(({ device, bytes }) => ({ device, bytes: Uint8Array.from(bytes) }));
      const kept = { ...submit, legs, listHash: Uint8Array.from(submit.listHash) };
      held.push(kept);
      connections.set(kept, connection);
      const outcomes = legs.map(({ device }) => ({ device, outcome: 'stored' as const }));
      return { acceptedAtMs: installation.clock.nowMs(), legs: outcomes };
    },
  };
  return {
    held,
    async deliver(submit, instead = {}) {
      const connection = connections.get(submit);
      if (connection === undefined) throw new Error('not one of those that are held');
      const submitId = makeSubmitId(installation.clock.nowMs(), randomBytes(10));
      await honest.onSubmit(connection, { ...submit, ...instead, submitId });
    },
    stop() {
      host.mailbox = honest;
    },
  };
}
