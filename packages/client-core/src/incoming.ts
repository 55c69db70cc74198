/**
 * One delivery, from the leg to checked content. Nothing here writes: the outcome says what is to be written, and the receiver
 * commits the outcomes of a batch together with the ratchet steps.
 */
import { groupConversationId } from '@kuvert/crypto/groups';
import {
  conversationIdFor,
  type FrameHeader,
  type OpenedLeg,
  parseFrame,
  SessionError,
  unpackFrame,
} from '@kuvert/crypto/session';
import {
  CLASSES,
  type Content,
  type Delivery,
  decodeContent,
  equalBytes,
  type GroupId,
  InvalidContentError,
  type ListedDevice,
  type PersonId,
} from '@kuvert/protocol';
import type { Context } from './context.ts';
import { isMessageContent } from './conversations/arrived.ts';
import { decryptOfGroup, fitsLog, isOfGroup, openOutside } from './groups/opening.ts';
import { legHash } from './leg-hash.ts';
import type { StagedSessions } from './staged-sessions.ts';

/** A delivery with its outer seal off; nothing of it is authenticated. */
export interface Unsealed {
  readonly delivery: Delivery;
  readonly hash: Uint8Array<ArrayBuffer>;
  /** Undefined when the seal did not open. */
  readonly opened: OpenedLeg | undefined;
  /** Of a group: which, and the epoch that its sender names. */
  readonly group?: { readonly groupId: GroupId; readonly epoch: number };
}

/** The verified sender. */
export interface Sender {
  readonly personId: PersonId;
  readonly entry: ListedDevice;
}

/** Why something is not shown. `again`: worth asking for again. */
export type Refusal = 'undecryptable' | 'malformed' | 'too-new' | 'untrusted' | 'inconsistent' | 'no-key';

/** What came of a delivery. */
export type Outcome =
  | {
      readonly type: 'refused';
      readonly refusal: Refusal;
      readonly item: Unsealed;
      readonly sender: Sender | undefined;
    }
  | {
      readonly type: 'content';
      readonly item: Unsealed;
      readonly sender: Sender;
      readonly header: FrameHeader;
      readonly content: Content;
      readonly commitment: Uint8Array<ArrayBuffer>;
    };

/** A delivery that was opened, and whose sender and frame were checked. */
export type Arrived = Extract<Outcome, { type: 'content' }>;
/** A delivery that is not shown. */
export type Refused = Extract<Outcome, { type: 'refused' }>;

/** Takes the outer seal off. */
export function unseal(context: Context, staged: StagedSessions, delivery: Delivery): Unsealed {
  const isGroup = isOfGroup(delivery);
  const hash = legHash(isGroup ? (delivery.body ?? delivery.leg) : delivery.leg);
  try {
    if (isGroup) {
      const { groupId, epoch, senderDevice, ciphertext } = openOutside(context, delivery);
      return {
        delivery,
        hash,
        opened: { senderDevice, type: 'message', ciphertext },
        group: { groupId, epoch },
      };
    }
    return { delivery, hash, opened: staged.cipher.openLeg(delivery.leg, delivery.class) };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return { delivery, hash, opened: undefined };
  }
}

/** Decrypts and checks. Ratchet steps go into `staged`, also for what is refused after decryption. */
export async function openDelivery(
  context: Context,
  staged: StagedSessions,
  item: Unsealed,
  sender: Sender | undefined,
): Promise<Outcome> {
  const { opened, delivery, group } = item;
  const refused = (refusal: Refusal): Outcome => ({ type: 'refused', refusal, item, sender });
  // Of a group whose key is not here it cannot be said from whom it is; it is tried again when the key has come.
  if (opened === undefined) return refused(isOfGroup(delivery) ? 'no-key' : 'malformed');
  if (sender === undefined) return refused('untrusted');
  const innerKey = opened.senderIdentityKey;
  if (innerKey !== undefined && !equalBytes(innerKey, sender.entry.identityKey)) return refused('untrusted');
  try {
    const known = { tenant: context.own.tenantId, senderPerson: sender.personId };
    const frame = parseFrame(await framed(staged, context, item, { opened, sender }), known);
    const content = decodeContent(frame.body);
    if (group !== undefined && !isTheSame(context, group.groupId, frame.header))
      return refused('inconsistent');
    if (!fits(context, sender, frame.header, content) || !fitsClass(delivery, frame.header, content)) {
      return refused('inconsistent');
    }
    return { type: 'content', item, sender, header: frame.header, content, commitment: frame.commitment };
  } catch (error) {
    if (error instanceof InvalidContentError) return refused('malformed');
    if (!(error instanceof SessionError)) throw error;
    switch (error.reason) {
      case 'duplicate':
        // The same bytes never get here: the key was used for other ones, as by a device that was put back from a copy.
        return refused('undecryptable');
      case 'undecryptable':
      case 'no-session':
        return refused('undecryptable');
      case 'untrusted-identity':
        return refused('untrusted');
      case 'too-new':
        return refused('too-new');
      case 'malformed':
        return refused('malformed');
      case 'busy':
        throw error;
    }
  }
}

/** The frame inside, whichever way it has come. */
async function framed(
  staged: StagedSessions,
  context: Context,
  { delivery, group }: Unsealed,
  { opened, sender }: { opened: OpenedLeg; sender: Sender },
): Promise<Uint8Array<ArrayBuffer>> {
  if (group !== undefined) {
    const from = { groupId: group.groupId, senderDevice: opened.senderDevice };
    return decryptOfGroup(context, staged, from, opened.ciphertext);
  }
  const { plaintext, writes } = await staged.cipher.decrypt(opened, sender.entry);
  staged.absorb(writes);
  return unpackFrame(plaintext, delivery.body);
}

/** The header must say what the ratchet and the verified list have already shown. */
function fits(context: Context, sender: Sender, header: FrameHeader, content: Content): boolean {
  const { own } = context;
  const kind = content.kind === 'too-new' ? content.originalKind : content.kind;
  // Only devices of one's own have a say in what was sent, read and set.
  const isForOwn = ['sent', 'own-state', 'own-choices', 'history', 'history-request', 'group-keys'].includes(
    content.kind,
  );
  return (
    (!isForOwn || (sender.personId === own.personId && header.group === undefined)) &&
    header.tenant === own.tenantId &&
    header.senderPerson === sender.personId &&
    header.senderDevice === sender.entry.device &&
    (header.group === undefined
      ? header.conversation === conversationIdFor(own.tenantId, own.personId, sender.personId)
      : fitsLog(context, header, sender.personId)) &&
    header.kind === kind
  );
}

/**
 * What came as control is never shown, and what is control never counts as a message: the server exempts control from rules
 * that hold for messages. Of a kind that only newer releases know, either is possible.
 */
function fitsClass(delivery: Delivery, header: FrameHeader, content: Content): boolean {
  if (delivery.class === CLASSES.message) {
    return isMessageContent(content) && header.chain !== undefined;
  }
  const isEphemeral = content.kind === 'typing' || content.kind === 'presence';
  const isMessage = content.kind !== 'too-new' && isMessageContent(content);
  if (header.chain !== undefined || isMessage) return false;
  return content.kind === 'too-new' || isEphemeral === (delivery.class === CLASSES.ephemeral);
}

/** What the server has delivered for a group is of this group. */
function isTheSame({ own }: Context, groupId: GroupId, header: FrameHeader): boolean {
  return header.conversation === groupConversationId(own.tenantId, groupId) && header.group !== undefined;
}
