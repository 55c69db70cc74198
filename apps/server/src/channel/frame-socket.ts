/** What the channel needs of a WebSocket, so that a session can be driven without one. */

/** A socket that carries whole binary frames in order. */
export interface FrameSocket {
  /**
   * @param frame copied before this returns
   * @param sent called when the frame was handed to the system, or when it never will be
   */
  send(frame: Uint8Array, sent: () => void): void;
  /** Closes after what was sent before. `reason` says in which way, without words. */
  close(reason: 'normal' | 'protocol'): void;
  /** Drops the connection at once. */
  terminate(): void;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  ping(): void;
  /** Bytes that were sent but not yet taken by the system. */
  readonly bufferedBytes: number;
}
