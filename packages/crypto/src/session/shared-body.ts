/** Frames up to this size go inside the leg; larger ones become a shared body (wire.md §4). */
export const INLINE_FRAME_BYTES_MAX = 2_560;

/** What goes through the ratchet, and what is sealed once beside it. */
export interface PackedFrame {
  /** Plaintext for every leg. */
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** `Submit.body`, when the frame was too large for the legs. */
  readonly body?: Uint8Array<ArrayBuffer>;
}
/** @throws nothing; `oneTimeKey` is 32 random bytes, used only when the frame is large */
export declare function packFrame(frame: Uint8Array, oneTimeKey: Uint8Array): PackedFrame;
/** @throws SessionError `malformed` */
export declare function unpackFrame(
  plaintext: Uint8Array,
  body: Uint8Array | undefined,
): Uint8Array<ArrayBuffer>;
