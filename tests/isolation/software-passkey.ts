/** A passkey (WebAuthn Level 3) without a browser: makes and shows what one would, with a key in memory. For where the form of a request is tried, not browsers. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

const ORIGIN = 'http://localhost';
const RP_ID = 'localhost';
/** User present and verified. */
const UP_UV = 0x05;
/** A new credential is attached. */
const ATTACHED = 0x40;

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

/** @see the head of this file */
export class SoftwarePasskey {
  readonly #id = randomBytes(16);
  readonly #privateKey: KeyObject;
  readonly #cose: Buffer;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    this.#privateKey = privateKey;
    // COSE_Key {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}.
    const head = Buffer.from('a5010203262001215820', 'hex');
    const coordinate = (text: string) => Buffer.from(text, 'base64url');
    this.#cose = Buffer.concat([head, coordinate(x), Buffer.from('225820', 'hex'), coordinate(y)]);
  }

  /** What a browser gives for the options of `passkeys.begin`. */
  made(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const size = Buffer.from([0, this.#id.length]);
    const attached = Buffer.concat([Buffer.alloc(16), size, this.#id, this.#cose]);
    const authData = Buffer.concat([this.#head(UP_UV | ATTACHED), attached]);
    // {"fmt": "none", "attStmt": {}, "authData": bytes}
    const attestationObject = Buffer.concat([
      Buffer.from('a363666d74646e6f6e656761747453746d74a068617574684461746158', 'hex'),
      Buffer.from([authData.length]),
      authData,
    ]);
    const clientDataJSON = this.#clientData('webauthn.create', options);
    return this.#credential({
      clientDataJSON: base64url(clientDataJSON),
      attestationObject: base64url(attestationObject),
      transports: ['internal'],
    });
  }

  /** What a browser gives for the options of `passkey-sign-in.begin`. @param userId of the options with which it was made */
  shown(options: Readonly<Record<string, unknown>>, userId: string): Readonly<Record<string, unknown>> {
    const clientDataJSON = this.#clientData('webauthn.get', options);
    const authenticatorData = this.#head(UP_UV);
    const hash = createHash('sha256').update(clientDataJSON).digest();
    const signature = sign('sha256', Buffer.concat([authenticatorData, hash]), this.#privateKey);
    return this.#credential({
      clientDataJSON: base64url(clientDataJSON),
      authenticatorData: base64url(authenticatorData),
      signature: base64url(signature),
      userHandle: userId,
    });
  }

  #head(flags: number): Buffer {
    const counter = Buffer.alloc(4);
    return Buffer.concat([createHash('sha256').update(RP_ID).digest(), Buffer.from([flags]), counter]);
  }

  #clientData(type: string, { challenge }: Readonly<Record<string, unknown>>): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: ORIGIN, crossOrigin: false }));
  }

  #credential(response: object): Readonly<Record<string, unknown>> {
    const id = base64url(this.#id);
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }
}
