import type { DeviceId, PersonId, TenantId } from '@kuvert/protocol';

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
export async function enrol(_options: EnrolOptions): Promise<Enrolled> {
  throw new Error('enrolment is being written');
}
