/** The frame of a message with the next number of its chain (wire.md §4), for people and groups alike. */
import { advanceChain, buildFrame, type FrameHeader } from '@kuvert/crypto/session';
import { CLASSES } from '@kuvert/protocol';
import type { Context } from '../context.ts';
import type { OutboxRow, OwnChain } from '../store.ts';

/** What a row of the outbox is sealed from, and how the chain goes on behind it. */
export interface ChainedFrame {
  readonly frame: NonNullable<OutboxRow['frame']>;
  readonly link: OutboxRow['chain'];
  readonly chain: OwnChain;
}

/**
 * The frame that a row has already, or a new one. Only messages take a number.
 * @param headerFor makes the header; is given the chain where the row takes its next number
 */
export function frameInChain(
  { random }: Context,
  row: OutboxRow,
  chain: OwnChain,
  headerFor: (chain: OwnChain | undefined) => FrameHeader,
): ChainedFrame {
  if (row.frame !== undefined) return { frame: row.frame, link: row.chain, chain };
  const header = headerFor(row.class === CLASSES.message ? chain : undefined);
  const { bytes: frame, commitment } = buildFrame({ frankingKey: random(32), header, body: row.content });
  if (header.chain === undefined) return { frame, link: row.chain, chain };
  const head = advanceChain(chain.head, commitment);
  return { frame, link: { id: head.id, seq: head.seq, linkAfter: head.link }, chain: { ...chain, head } };
}
