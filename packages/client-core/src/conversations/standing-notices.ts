/**
 * Notices that concern a person also stand in the conversation with that person, as plain sentences between the messages. This is the
 * store that everybody writes notices to; it keeps both places in step.
 */
import { groupConversationId } from '@kuvert/crypto/groups';
import { conversationIdFor } from '@kuvert/crypto/session';
import type { OwnDevice } from '../own-device.ts';
import type { NoticeStore, Store } from '../store.ts';
import type { Notice, NoticeKind } from '../types.ts';
import type { ChangeBoard } from './changes.ts';

/**
 * Kinds that describe a state: one that lasts stands once, however often it is found, and goes when it is over. Of all other kinds
 * each occurrence stays.
 */
const STATES: ReadonlySet<NoticeKind> = new Set([
  'messages_missing',
  'identity_problem',
  'list_mismatch',
  'undecryptable',
  'group_problem',
]);

/** Kinds that repeat what stands in the conversation of a group anyway, as an entry of its log. */
const IN_LOG: ReadonlySet<NoticeKind> = new Set(['group_added', 'group_removed', 'group_dissolved']);

/** True for news of one's own place in a group, which whoever looks at its conversation sees there. */
export function isGroupNews({ kind }: { readonly kind: NoticeKind }): boolean {
  return IN_LOG.has(kind);
}

/** The store with notices that also stand in conversations. */
export function withStandingNotices(store: Store, own: OwnDevice, changes: ChangeBoard): Store {
  const notices: NoticeStore = {
    add(notice) {
      store.transaction(() => {
        store.notices.add(notice);
        const { personId, groupId } = notice;
        if (isGroupNews(notice)) return;
        if (groupId !== undefined) {
          const conversationId = groupConversationId(own.tenantId, groupId);
          if (store.conversations.get(conversationId) === undefined) return;
          store.entries.putNotice(conversationId, keyOf(notice), notice);
          changes.entriesOf(conversationId);
          return;
        }
        if (personId === undefined || personId === own.personId) return;
        const conversationId = conversationIdFor(own.tenantId, own.personId, personId);
        store.conversations.ensure({ conversationId, personId, mail: undefined, createdAtMs: notice.atMs });
        store.entries.putNotice(conversationId, keyOf(notice), notice);
        changes.entriesOf(conversationId);
      });
    },
    withdraw(match) {
      store.transaction(() => {
        store.notices.withdraw(match);
        if (!STATES.has(match.kind)) return;
        for (const conversationId of store.entries.deleteNotices(match)) changes.entriesOf(conversationId);
      });
    },
    listUnseen: (limit) => store.notices.listUnseen(limit),
    markSeen: (noticeIds) => store.notices.markSeen(noticeIds),
  };
  return {
    ...store,
    notices,
    transaction: (body) => store.transaction(body),
    lightTransaction: (body) => store.lightTransaction(body),
  };
}

function keyOf({ kind, personId, groupId, messageId, code, atMs }: Omit<Notice, 'noticeId'>): string {
  const parts = [kind, groupId ?? personId, messageId, code, STATES.has(kind) ? undefined : atMs];
  return parts.map((part) => part ?? '').join('/');
}
