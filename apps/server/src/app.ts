/**
 * A whole server as one object: two listeners over one context. `main.ts` runs one as a process, the testkit any number of them in one
 * process.
 */

import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { writeFileAtomic } from '@kuvert/safe-folder';
import type { FastifyInstance } from 'fastify';
import { ChannelServer } from './channel/channel-server.ts';
import { type Clock, type Random, systemClock, systemRandom } from './clock.ts';
import type { ServerConfig } from './config.ts';
import { buildContext, type Context } from './context.ts';
import { addAdminApi } from './http/admin/admin-api.ts';
import { clientAddress, trustedProxies } from './http/client-address.ts';
import { createOpsListener } from './http/ops-listener.ts';
import { createPublicListener } from './http/public-listener.ts';
import { type Route, routesOf } from './http/route-list.ts';
import { createLog, type Log } from './log.ts';
import { startErrorFrom } from './start-error.ts';

/** File in the data folder that tells the command line where the server listens. */
const SERVER_FILE = 'server.json';
const OPS_HOST = '127.0.0.1';

/** What a test may hold still or listen to. */
export interface Surroundings {
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: Log;
  /** Called when the store can no longer keep its promise. The process ends then; an installation in a test fails. */
  readonly onFailure?: (error: unknown) => void;
  /** Measures how late the event loop is. A test in which clients share the loop with the server gives its own. */
  readonly loopDelay?: { read(): number; stop(): void };
}

/** A server. */
export interface Installation {
  /**
   * Opens keys and store, then listens. After a failure everything is closed again and nothing stands in the way of the next start.
   * @throws StartError for everything that whoever starts it can mend
   */
  start(): Promise<void>;
  /**
   * Drains and stops: not ready, no new work, what was begun is finished, connections are closed with a code that says to come
   * again, the store is closed. May be called at any time and more than once.
   */
  stop(): Promise<void>;
  /** Closes the store and nothing else, after a fault of ours: what was accepted is durable, and clients come again. */
  abandon(): Promise<void>;
  /** Where clients reach it, for example `http://127.0.0.1:8420`. Only while it runs, like all below. */
  readonly url: string;
  readonly opsUrl: string;
  readonly dataFolder: string;
  readonly keysFolder: string;
  /** True when there was no tenant at the start. */
  readonly empty: boolean;
  /** Every HTTP route by listener; the device channel is an upgrade and no route. */
  readonly routes: { readonly public: readonly Route[]; readonly ops: readonly Route[] };
  /** Makes whoever has it the first operator, once; undefined where there is one. */
  readonly setUpCode: string | undefined;
  /** For tests that look behind the doors. */
  readonly context: Context;
  readonly channel: ChannelServer;
}

interface Running {
  readonly context: Context;
  readonly channel: ChannelServer;
  readonly publicListener: FastifyInstance;
  readonly opsListener: FastifyInstance;
  readonly url: string;
  readonly opsUrl: string;
}

/** Builds a server from its configuration. Nothing is opened before `start()`. */
export function buildInstallation(config: ServerConfig, surroundings: Surroundings = {}): Installation {
  const { clock = systemClock, random = systemRandom, onFailure = () => undefined } = surroundings;
  const log = surroundings.log ?? createLog({ level: config.logLevel });
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  let running: Running | undefined;

  async function start(): Promise<void> {
    const context = await buildContext(config, {
      clock,
      random,
      log,
      onFailure,
      loopDelay: surroundings.loopDelay,
    });
    const closers: (() => Promise<unknown>)[] = [() => context.close()];
    try {
      const isTrusted = trustedProxies(config.trustedProxies ?? []);
      const channel = new ChannelServer(context.channelHost, (request) => clientAddress(request, isTrusted));
      closers.push(() => channel.drain());
      const publicListener = await createPublicListener({
        tls: config.tls,
        log,
        serverKey: () => Buffer.from(context.channelHost.statics()[0]?.publicKey ?? []).toString('base64url'),
        nowMs: () => clock.nowMs(),
        isTrusted,
      });
      publicListener.server.on('upgrade', (request, socket, head) => channel.upgrade(request, socket, head));
      closers.push(() => publicListener.close());
      context.addAttachmentRoutes(publicListener);
      addAdminApi(publicListener, {
        gate: context.adminGate,
        store: context.store,
        routes: context.adminTable,
        log,
        clock,
        publicOrigin: config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin,
      });
      const opsListener = createOpsListener({
        readiness: context.readiness,
        gate: context.operatorGate,
        routes: context.operatorTable,
        log,
        metrics: context.metrics,
      });
      closers.push(() => opsListener.close());
      await listen(publicListener, { host: config.host, port: config.port, variable: 'KUVERT_PORT' });
      await listen(opsListener, { host: OPS_HOST, port: config.opsPort, variable: 'KUVERT_OPS_PORT' });
      const url =
        config.publicUrl ?? urlOf(config.tls === undefined ? 'http' : 'https', config.host, publicListener);
      const opsUrl = urlOf('http', OPS_HOST, opsListener);
      const facts = { pid: process.pid, url, opsUrl, startedAt: new Date(clock.nowMs()).toISOString() };
      await writeFileAtomic(join(context.dataFolder, SERVER_FILE), `${JSON.stringify(facts)}\n`);
      watchWith(context, channel, clock);
      running = { context, channel, publicListener, opsListener, url, opsUrl };
      log.info({ event: 'server-started', port: portOf(publicListener) });
    } catch (error) {
      for (const close of closers.reverse()) await close().catch(() => undefined);
      throw startErrorFrom(error, config.dataFolder);
    }
  }

  async function stop(): Promise<void> {
    await starting?.catch(() => undefined);
    if (running === undefined) return;
    const { context, channel, publicListener, opsListener } = running;
    log.info({ event: 'server-stopping', count: channel.size });
    context.readiness.drain();
    await channel.drain();
    await publicListener.close();
    await opsListener.close();
    // Removed while the folder is still locked: a server that starts right after this one writes its own.
    await rm(join(context.dataFolder, SERVER_FILE), { force: true }).catch(() => undefined);
    await context.close();
    log.info({ event: 'server-stopped' });
  }

  const now = (): Running => {
    if (running === undefined) throw new Error('the server has not been started');
    return running;
  };

  return {
    start() {
      starting ??= start();
      return starting;
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
    async abandon() {
      if (running === undefined) return;
      await rm(join(running.context.dataFolder, SERVER_FILE), { force: true }).catch(() => undefined);
      await running.context.close();
    },
    get url() {
      return now().url;
    },
    get opsUrl() {
      return now().opsUrl;
    },
    get dataFolder() {
      return now().context.dataFolder;
    },
    get keysFolder() {
      return now().context.keysFolder;
    },
    get setUpCode() {
      return now().context.setUpCode;
    },
    get empty() {
      return now().context.empty;
    },
    get routes() {
      return { public: routesOf(now().publicListener), ops: routesOf(now().opsListener) };
    },
    get context() {
      return now().context;
    },
    get channel() {
      return now().channel;
    },
  };
}

/** Tells the metrics where to read what stands at this moment. */
function watchWith(context: Context, channel: ChannelServer, clock: Clock): void {
  const { admission, channelHost, metrics, store } = context;
  metrics.watch({
    connections: () => channel.size,
    devicesOnline: () => channelHost.connections.size,
    submitsOpen: () => admission.open,
    submitsOpenMax: () => admission.openMax,
    loopDelayMs: () => admission.loopDelayMs,
    storeQueue: () => store.load.requests,
    storeQueueBytes: () => store.load.bytes,
    oldestWaitingMs: () => context.oldestWaitingMs(),
    nowMs: () => clock.nowMs(),
    auditWaiting: () => context.auditWaiting(),
  });
}

async function listen(
  listener: FastifyInstance,
  where: { readonly host: string; readonly port: number; readonly variable: string },
): Promise<void> {
  try {
    await listener.listen({ host: where.host, port: where.port });
  } catch (error) {
    throw startErrorFrom(error, `${where.variable} ${where.port} on ${where.host}`);
  }
}

function portOf(listener: FastifyInstance): number {
  return (listener.server.address() as AddressInfo).port;
}

/** An address that stands for all addresses of a machine is none that a client could use. */
function urlOf(scheme: 'http' | 'https', host: string, listener: FastifyInstance): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${name}:${portOf(listener)}`;
}
