/** A server that lies: the honest one of an installation, with some of its answers replaced. Restarting it makes it honest again. */
import { METHODS, type MethodName, type Methods } from '@kuvert/protocol';
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
