/** Linking a new device on Node: asks the server for its key, shows a code, and waits until a signer has answered it. */

import { linkIdOf, linkNumbers } from '@kuvert/crypto/session';
import { type EnrolmentToken, KuvertError, LINK_LIFETIME_MS } from '@kuvert/protocol';
import type { ChannelClient } from '../channel-client.ts';
import {
  codeOf,
  completeLink,
  type LinkPins,
  loadPendingLink,
  makeLinkOffer,
  type PendingLink,
} from '../linking.ts';
import { loadOwnDevice, type OwnDevice } from '../own-device.ts';
import type { Clock } from '../ports.ts';
import { openConnection } from './connection.ts';
import type { Enrolled } from './enrol.ts';
import { type OpenFolder, openProfileFolder } from './profile-folder.ts';
import { serverKeyUrl } from './server-url.ts';
import { systemClock, systemRandom } from './system.ts';

/** How often the server is asked for an answer. */
const ASK_EVERY_MS = 1_000;
/** Asked less often than a connection of somebody without a device allows. */
const ASKED_PER_CONNECTION = 12;
const SERVER_KEY_TIMEOUT_MS = 10_000;

/** What {@link beginLink} needs. */
export interface LinkOptions {
  /** `https://…`; plain `http://` only for a loopback host. */
  readonly serverUrl: string;
  /** Folder of the profile; made when it is missing. */
  readonly profileDir: string;
  /** What opens the container: the passphrase's bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds of the wall clock; tests bring their own. */
  readonly now?: () => number;
  /** A token that an administrator gave to somebody who has a device: what it pins must be what the answer says. */
  readonly token?: EnrolmentToken;
}

/** A device that waits to be linked. */
export interface Linking {
  /** What the other device reads: as a QR code or copied as text. */
  readonly code: string;
  /** What both devices show. */
  readonly numbers: string;
  /**
   * Waits for the answer of a signer and becomes its person's device.
   * @returns undefined when `signal` fired
   * @throws KuvertError `link_expired`, `link_not_trusted`; whatever else is wrong with the way is tried again until the code is too old
   */
  wait(
    signal?: AbortSignal,
  ): Promise<(Enrolled & { readonly name: string; readonly mail: string }) | undefined>;
  /** Gives the profile free; may be called twice. An attempt that is not too old goes on at the next {@link beginLink}. */
  close(): void;
}

/**
 * Makes the keys of a new device in `profileDir` and the code that it shows.
 * @throws KuvertError `profile_exists`, `profile_in_use`, `plain_http_refused`, `server_unreachable`, `container_wrong_passphrase`,
 *   `folder_not_owned`, `folder_read_only`
 */
export async function beginLink(options: LinkOptions): Promise<Linking> {
  const { serverUrl, profileDir, secret, token } = options;
  serverKeyUrl(serverUrl);
  const clock = systemClock(options.now);
  let isOpen = true;
  const folder = await openProfileFolder({ profileDir, secret, create: true });
  try {
    if (loadOwnDevice(folder.store.values) !== undefined) throw new KuvertError('profile_exists');
    const server = await askServerKey(serverUrl);
    const serverStatic = token?.serverStatic ?? server.key;
    const earlier = loadPendingLink(folder.store, clock.now());
    const pending =
      earlier?.serverUrl === serverUrl
        ? earlier
        : makeLinkOffer(folder.store, {
            serverUrl,
            serverStatic,
            serverTimeMs: server.timeMs,
            nowMs: clock.now(),
            random: systemRandom,
            ...(token && { token: pinsOf(token) }),
          });
    return {
      code: codeOf(pending),
      numbers: linkNumbers(pending.offer),
      wait: (signal) => waitForAnswer({ folder, pending, serverStatic, clock, signal }),
      close() {
        if (isOpen) folder.close();
        isOpen = false;
      },
    };
  } catch (error) {
    folder.close();
    throw error;
  }
}

/**
 * The server's key as it says itself, protected by TLS alone: it only leads to the answer, which brings the key that is pinned. A wrong
 * one is noticed by the signer (`link_other_server`).
 */
async function askServerKey(serverUrl: string): Promise<{ key: Uint8Array; timeMs: number }> {
  try {
    const signal = AbortSignal.timeout(SERVER_KEY_TIMEOUT_MS);
    const answer = await fetch(serverKeyUrl(serverUrl), { signal, redirect: 'error' });
    const { key } = (await answer.json()) as { key?: unknown };
    const time = Date.parse(answer.headers.get('date') ?? '');
    const bytes = Buffer.from(typeof key === 'string' ? key : '', 'base64url');
    if (!answer.ok || bytes.length !== 32 || !Number.isSafeInteger(time)) {
      throw new KuvertError('server_unreachable');
    }
    return { key: Uint8Array.from(bytes), timeMs: time };
  } catch (cause) {
    throw cause instanceof KuvertError ? cause : new KuvertError('server_unreachable', { cause });
  }
}

async function waitForAnswer(parts: {
  readonly folder: OpenFolder;
  readonly pending: PendingLink;
  readonly serverStatic: Uint8Array;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}): Promise<OwnDevice | undefined> {
  const { folder, pending, serverStatic, clock, signal } = parts;
  const linkId = linkIdOf(pending.offer);
  let connection: ChannelClient | undefined;
  let asked = 0;
  try {
    for (;;) {
      if (signal?.aborted) return undefined;
      if (clock.now() - pending.beganAtMs > LINK_LIFETIME_MS) throw new KuvertError('link_expired');
      try {
        if (connection === undefined || asked >= ASKED_PER_CONNECTION) {
          connection?.close();
          connection = undefined;
          connection = await openConnection({
            serverUrl: pending.serverUrl,
            serverStatic,
            as: undefined,
            events: { onDelivery: () => undefined, onEvent: () => undefined, onClose: () => undefined },
            clock,
          });
          asked = 0;
        }
        asked++;
        const { answer } = await connection.request('linking.fetch', { linkId });
        if (answer !== undefined) return completeLink(folder.store, pending, answer);
      } catch (error) {
        if (!(error instanceof KuvertError) || error.code === 'link_not_trusted') throw error;
        connection = undefined;
      }
      await pause(clock, signal);
    }
  } finally {
    connection?.close();
  }
}

function pause(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(ASK_EVERY_MS, resolve);
    signal?.addEventListener(
      'abort',
      () => {
        cancel();
        resolve();
      },
      { once: true },
    );
  });
}

function pinsOf({ tenantId, serverStatic, rootHash }: EnrolmentToken): LinkPins {
  return {
    tenantId,
    serverStatic: Uint8Array.from(serverStatic),
    rootHash: Uint8Array.from(rootHash),
  };
}
