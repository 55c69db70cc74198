import type { DeviceId, ListedDevice, PrekeyBundle, SubmitClass, TenantId } from '@kuvert/protocol';
import type { SessionRecords, SessionWrites } from './records.ts';

/** The device on whose behalf a {@link SessionCipher} works. */
export interface OwnDevice {
  readonly tenantId: TenantId;
  readonly deviceId: DeviceId;
  /** Private identity key, 32 bytes. */
  readonly identityPrivateKey: Uint8Array<ArrayBuffer>;
  readonly registrationId: number;
}

/** A leg as opened: who claims to have sent it, and the ratchet ciphertext. Nothing of it is authenticated yet. */
export interface OpenedLeg {
  readonly senderDevice: DeviceId;
  /** `prekey`: starts a session, carries the sender's identity key. `message`: within a session. */
  readonly type: 'prekey' | 'message';
  readonly ciphertext: Uint8Array<ArrayBuffer>;
  /** In `prekey`: the identity key inside, 33 bytes, to compare with the verified list before decrypting. */
  readonly senderIdentityKey?: Uint8Array<ArrayBuffer>;
}

export declare class SessionCipher {
  constructor(own: OwnDevice, records: SessionRecords);
  hasSession(device: DeviceId, nowMs: number): boolean;
  encrypt(options: {
    readonly peer: ListedDevice;
    readonly plaintext: Uint8Array<ArrayBuffer>;
    readonly class: SubmitClass;
    readonly nowMs: number;
    /** Given: a session is started with it first. Missing: the session must exist. */
    readonly bundle?: PrekeyBundle;
  }): Promise<{ readonly leg: Uint8Array<ArrayBuffer>; readonly writes: SessionWrites }>;
  openLeg(leg: Uint8Array, submitClass: SubmitClass): OpenedLeg;
  decrypt(
    opened: OpenedLeg,
    peer: ListedDevice,
  ): Promise<{ readonly plaintext: Uint8Array<ArrayBuffer>; readonly writes: SessionWrites }>;
  archiveSession(device: DeviceId): SessionWrites | undefined;
}
