import { type DeviceId, decodeToken, KuvertError, type PersonId, type TenantId } from '@kuvert/protocol';
import type { PendingEnrolment } from '../enrolment.ts';
import { enrolDevice } from '../enrolment.ts';
import { loadOwnDevice, loadRecord, VALUES } from '../own-device.ts';
import { openConnection } from './connection.ts';
import { openProfileFolder } from './profile-folder.ts';
import { channelUrl } from './server-url.ts';
import { systemClock, systemRandom } from './system.ts';

/** What {@link enrol} needs. */
export interface EnrolOptions {
  /** `https://…`; plain `http://` only for a loopback host. */
  readonly serverUrl: string;
  /** The token's text (`kuvert1_…`). */
  readonly token: string;
  /** Folder of the profile; made when it is missing. */
  readonly profileDir: string;
  /** What opens the container: the passphrase's bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds of the wall clock; tests bring their own. */
  readonly now?: () => number;
}

/** Who was enrolled. */
export interface Enrolled {
  readonly deviceId: DeviceId;
  readonly personId: PersonId;
  readonly tenantId: TenantId;
}

/**
 * Enrols a new device in `profileDir`, or goes on with an enrolment of the same token that was interrupted there.
 * @throws KuvertError `token_malformed`, `token_not_valid`, `token_used`, `token_expired`, `device_limit`, `profile_exists`,
 *   `profile_in_use`, `plain_http_refused`, `server_unreachable`, `server_key_unknown`, `version_unsupported`,
 *   `identity_not_trusted`, `container_wrong_passphrase`, `folder_not_owned`, `folder_read_only`
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { serverUrl, profileDir, secret } = options;
  const token = decodeToken(options.token);
  channelUrl(serverUrl);
  const folder = await openProfileFolder({ profileDir, secret, create: true });
  try {
    const { store } = folder;
    const present =
      loadOwnDevice(store.values) ?? loadRecord<PendingEnrolment>(store.values, VALUES.pending)?.own;
    if (present !== undefined && present.tokenId !== token.tokenId) throw new KuvertError('profile_exists');
    let own = loadOwnDevice(store.values);
    if (own === undefined) {
      const clock = systemClock(options.now);
      const connection = await openConnection({
        serverUrl,
        serverStatic: token.serverStatic,
        as: undefined,
        events: { onDelivery: () => undefined, onEvent: () => undefined, onClose: () => undefined },
        clock,
      });
      try {
        own = await enrolDevice({ store, token, serverUrl, clock, random: systemRandom, connection });
      } finally {
        connection.close();
      }
    }
    const { deviceId, personId, tenantId } = own;
    return { deviceId, personId, tenantId };
  } finally {
    folder.close();
  }
}
