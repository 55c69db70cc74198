import { Handshake, type NoisePattern } from './handshake-state.ts';
import { loadKeyPair, type StaticKeyPair } from './x25519.ts';

/**
 * The client's side. `remoteStatic` is the server's pinned key; `staticKeyPair` is the device's key for XK
 * and absent for NK. @throws ChannelError `malformed` on keys that do not fit the pattern
 */
export function createInitiator(options: {
  readonly pattern: NoisePattern;
  readonly prologue: Uint8Array;
  readonly remoteStatic: Uint8Array;
  readonly staticKeyPair?: StaticKeyPair | undefined;
}): Handshake {
  const own = options.pattern === 'XK' ? options.staticKeyPair : undefined;
  return new Handshake({
    pattern: options.pattern,
    initiator: true,
    prologue: options.prologue,
    own: own === undefined ? undefined : loadKeyPair(own),
    remoteStatic: Uint8Array.from(options.remoteStatic),
  });
}

/** The server's side, with the static key that the client named. */
export function createResponder(options: {
  readonly pattern: NoisePattern;
  readonly prologue: Uint8Array;
  readonly staticKeyPair: StaticKeyPair;
}): Handshake {
  return new Handshake({
    pattern: options.pattern,
    initiator: false,
    prologue: options.prologue,
    own: loadKeyPair(options.staticKeyPair),
    remoteStatic: undefined,
  });
}
