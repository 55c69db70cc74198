/** Which conversation something belongs to, made known where it is not yet. */
import { groupConversationId } from '@kuvert/crypto/groups';
import { conversationIdFor } from '@kuvert/crypto/session';
import type { ConversationId, PersonId } from '@kuvert/protocol';
import { isGroupLane } from '../chains/own-chain.ts';
import { type Context, newId } from '../context.ts';
import type { Lane } from '../store.ts';

/** The direct conversation with a person. Has to run in a transaction. */
export function conversationWith(context: Context, personId: PersonId, mail?: string): ConversationId {
  const { store, own, clock } = context;
  const conversationId = conversationIdFor(own.tenantId, own.personId, personId);
  const known = mail ?? store.directory.getPerson(personId)?.mail;
  const isEarly = known !== undefined && store.conversations.findByMail(known) !== undefined;
  if (store.conversations.get(conversationId) === undefined || isEarly) {
    store.conversations.ensure({ conversationId, personId, mail: known, createdAtMs: clock.now() });
  }
  return conversationId;
}

/** The conversation with a person, or that is a group. Has to run in a transaction. */
export function conversationOf(context: Context, peer: Lane): ConversationId {
  if (!isGroupLane(peer)) return conversationWith(context, peer);
  const { store, own, clock } = context;
  const conversationId = groupConversationId(own.tenantId, peer);
  if (store.conversations.get(conversationId) === undefined) {
    // A group stands where a person stands; the prefix of its id tells them apart.
    const personId = peer as string as PersonId;
    store.conversations.ensure({ conversationId, personId, mail: undefined, createdAtMs: clock.now() });
  }
  return conversationId;
}

/** The conversation with an address, whose person may still be unknown: then it has an id of its own until the person is known. */
export function conversationAt(context: Context, mail: string): ConversationId {
  const { store, clock } = context;
  const personId = store.directory.findPersonByMail(mail)?.personId;
  if (personId !== undefined) return conversationWith(context, personId, mail);
  const present = store.conversations.findByMail(mail);
  if (present !== undefined) return present.conversationId;
  const conversationId = newId(context, 'conversation');
  store.conversations.ensure({ conversationId, personId: undefined, mail, createdAtMs: clock.now() });
  return conversationId;
}
