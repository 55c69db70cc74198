/** Groups as people use them: made, changed, left, looked at. Whatever changes a group needs a connection; what is shown does not. */
import { type GroupState, memberOf } from '@kuvert/crypto/groups';
import {
  type ContentId,
  type ConversationId,
  displayName,
  equalBytes,
  GROUP_LIMITS,
  type GroupId,
  GroupPicture,
  type GroupRole,
  KuvertError,
  type PersonId,
} from '@kuvert/protocol';
import { type Context, newId } from '../context.ts';
import { queueText } from '../conversations/outgoing.ts';
import type { Directory } from '../directory.ts';
import type { Connection } from '../ports.ts';
import { ticksInGroup } from '../ticks/receipts.ts';
import type { GroupChange, GroupChanges } from './changing.ts';
import { entriesOf, type GroupLogLine } from './history.ts';
import type { GroupLogs } from './log-sync.ts';
import { inTurns } from './members.ts';
import { pictureOf } from './profile.ts';
import { requireMember } from './standing.ts';
import type { GroupRow } from './store.ts';

/** A member as a screen shows them. */
export interface GroupMemberView {
  readonly personId: PersonId;
  readonly role: GroupRole;
  /** Undefined while the directory has not answered. */
  readonly mail: string | undefined;
  readonly name: string | undefined;
  readonly isSelf: boolean;
}

/** A group as a screen shows it. */
export interface GroupView {
  readonly groupId: GroupId;
  readonly conversationId: ConversationId;
  readonly title: string;
  readonly epoch: number;
  readonly members: readonly GroupMemberView[];
  /** One's own role; undefined for who is no member any more. */
  readonly role: GroupRole | undefined;
  readonly isDissolved: boolean;
}

/** @see the top of this file */
export class Groups {
  readonly #context: Context;
  readonly #directory: Directory;
  readonly #logs: GroupLogs;
  readonly #changes: GroupChanges;
  readonly #hooks: { connection(): Connection | undefined; onOutgoing(): void };

  constructor(
    context: Context,
    parts: { directory: Directory; logs: GroupLogs; changes: GroupChanges },
    hooks: { connection(): Connection | undefined; onOutgoing(): void },
  ) {
    this.#context = context;
    this.#directory = parts.directory;
    this.#logs = parts.logs;
    this.#changes = parts.changes;
    this.#hooks = hooks;
  }

  /** All groups that are known here, by title. */
  list(): GroupView[] {
    const rows = this.#context.store.groups.list();
    return rows.map((row) => this.#view(row)).sort((a, b) => a.title.localeCompare(b.title));
  }

  /** By id, or by title where only one has it that is open to this person. @throws KuvertError `not_found`, `group_ambiguous` */
  find(name: string): GroupView {
    const { groups } = this.#context.store;
    const byId = groups.get(name as GroupId);
    if (byId !== undefined) return this.#view(byId);
    const named = groups.list().filter(({ title }) => title === name);
    const own = named.filter(({ state }) => !state.isDissolved && this.#isMember(state));
    const [only, another] = own.length > 0 ? own : named;
    if (only === undefined) throw new KuvertError('not_found');
    if (another !== undefined) throw new KuvertError('group_ambiguous');
    return this.#view(only);
  }

  /** The group of a conversation, if it is one. */
  of(conversationId: ConversationId): GroupView | undefined {
    const row = this.#context.store.groups.findByConversation(conversationId);
    return row && this.#view(row);
  }

  /**
   * Makes a group of oneself and people by their addresses, or of oneself alone.
   * @throws KuvertError `recipient_unknown` with {at} (which of the addresses, counted from 0), `title_invalid`, `group_full`, …
   */
  async create(title: string, mails: readonly string[]): Promise<GroupView> {
    const connection = this.#connected();
    const checked = checkedTitle(title);
    const people = this.#others(await this.#peopleAt(connection, mails));
    if (people.length >= GROUP_LIMITS.membersMax) throw new KuvertError('group_full');
    const groupId = newId(this.#context, 'group');
    const first = people.slice(0, GROUP_LIMITS.peopleMax);
    const row = await this.#changes.create(connection, {
      groupId,
      title: checked,
      people: first,
      part: { done: 0, total: people.length },
    });
    return people.length > first.length ? this.#addAll(groupId, people, 'member') : this.#view(row);
  }

  /** @throws KuvertError `group_forbidden`, `group_not_member`, `group_dissolved`, `group_invalid`, `group_full`, `recipient_unknown`, `not_found` */
  async add(groupId: GroupId, mails: readonly string[], role: GroupRole = 'member'): Promise<GroupView> {
    const people = await this.#peopleAt(this.#connected(), mails);
    return this.#addAll(groupId, people, role);
  }

  #addAll(groupId: GroupId, people: readonly PersonId[], role: GroupRole): Promise<GroupView> {
    return this.#changePeople(groupId, people, (state) => {
      const missing = people.filter((person) => memberOf(state, person) === undefined);
      // All or nobody: of many changes the first ones would be made before the last is refused.
      if (state.members.length + missing.length > GROUP_LIMITS.membersMax)
        throw new KuvertError('group_full');
      return { action: 'add', people: missing, role };
    });
  }

  /** @throws KuvertError as {@link Groups.add} */
  async remove(groupId: GroupId, mails: readonly string[]): Promise<GroupView> {
    if (mails.includes(this.#context.own.mail)) throw new KuvertError('group_leave_instead');
    const people = await this.#peopleAt(this.#connected(), mails);
    return this.#changePeople(groupId, people, (state) => {
      const present = people.filter((person) => memberOf(state, person) !== undefined);
      return { action: 'remove', people: present };
    });
  }

  /** @throws KuvertError as {@link Groups.add} */
  async setRole(groupId: GroupId, mails: readonly string[], role: GroupRole): Promise<GroupView> {
    const people = await this.#peopleAt(this.#connected(), mails);
    return this.#changePeople(groupId, people, (state) => {
      const others = people.filter((person) => memberOf(state, person)?.role !== role);
      const [first] = state.members;
      const isAdminLeft = state.members.some((one) => one.role === 'admin' && !others.includes(one.person));
      // The one who has been there longest would come to administer it again at once.
      const kept = role === 'member' && !isAdminLeft ? first?.person : undefined;
      return { action: 'role', people: others.filter((person) => person !== kept), role };
    });
  }

  /** @throws KuvertError as {@link Groups.add} */
  async setTitle(groupId: GroupId, title: string): Promise<GroupView> {
    const checked = checkedTitle(title);
    let isDone = false;
    return this.#change(groupId, () => {
      if (isDone && this.#context.store.groups.get(groupId)?.title === checked) return undefined;
      isDone = true;
      return { action: 'profile', title: checked };
    });
  }

  /**
   * Gives a group a picture, or takes it away.
   * @throws KuvertError as {@link Groups.add}; `bad_request` for one that is too large
   */
  async setPicture(groupId: GroupId, picture: GroupPicture | undefined): Promise<GroupView> {
    const checked = picture === undefined ? undefined : GroupPicture.safeParse(picture);
    if (checked?.success === false) throw new KuvertError('bad_request', { details: { field: 'picture' } });
    const wanted = checked?.data;
    return this.#change(groupId, (state) => {
      const present = pictureOf(this.#context, groupId, state);
      const isSame = wanted === undefined ? !present : present && equalBytes(present.bytes, wanted.bytes);
      return isSame ? undefined : { action: 'profile', picture: wanted ?? 'none' };
    });
  }

  /** The picture of a group, if it has one that can be read here. */
  picture(groupId: GroupId): GroupPicture | undefined {
    const row = this.#context.store.groups.get(groupId);
    return row && pictureOf(this.#context, groupId, row.state);
  }

  /** @throws KuvertError as {@link Groups.add} */
  leave(groupId: GroupId): Promise<GroupView> {
    return this.#change(groupId, (state) => (this.#isMember(state) ? { action: 'leave' } : undefined));
  }

  /** Ends the group for everybody. @throws KuvertError as {@link Groups.add} */
  dissolve(groupId: GroupId): Promise<GroupView> {
    return this.#change(groupId, (state) => (state.isDissolved ? undefined : { action: 'dissolve' }));
  }

  /** Writes a text to a group down for sending. @throws KuvertError `group_not_member`, `group_dissolved`, `not_found` */
  send(groupId: GroupId, text: string): ContentId {
    const { store } = this.#context;
    const row = store.groups.get(groupId);
    if (row === undefined) throw new KuvertError('not_found');
    requireMember(row.state, this.#context.own.personId);
    const contentId = store.transaction(() => queueText(this.#context, { to: '', group: groupId, text }));
    this.#hooks.onOutgoing();
    return contentId;
  }

  /** How far a message of one's own has come at each member. @throws KuvertError `message_unknown` */
  ticks(messageId: ContentId): ReturnType<typeof ticksInGroup> {
    const row = this.#context.store.outbox.findByContentId(messageId);
    if (row?.toGroup === undefined) throw new KuvertError('message_unknown');
    return row.chain === undefined ? [] : ticksInGroup(this.#context, row.toGroup, row.chain);
  }

  /** What was done in a group, in order. */
  log(groupId: GroupId): GroupLogLine[] {
    return entriesOf(this.#context, groupId);
  }

  /** Asks the server for what is new. @throws KuvertError `group_not_trusted`, `server_unreachable` */
  async refresh(groupId?: GroupId): Promise<void> {
    const connection = this.#connected();
    if (groupId === undefined) await this.#logs.fetchAll(connection);
    else await this.#logs.fetch(connection, groupId);
  }

  /** Asks the directory for members whose names are not known here yet; what it does not tell stays unknown. @throws KuvertError `server_unreachable` */
  async learnNames(groupId: GroupId): Promise<void> {
    const connection = this.#connected();
    const { store } = this.#context;
    const { members = [] } = store.groups.get(groupId)?.state ?? {};
    const nameless = this.#others(members.map(({ person }) => person)).filter(
      (person) => store.directory.getPerson(person) === undefined,
    );
    await inTurns(nameless, (person) => this.#directory.learnPerson(connection, person));
  }

  async #change(
    groupId: GroupId,
    decide: (state: GroupState) => GroupChange | undefined,
  ): Promise<GroupView> {
    const row = await this.#changes.change(this.#connected(), groupId, decide);
    this.#hooks.onOutgoing();
    return this.#view(row);
  }

  /** As many changes as it takes: one entry of the log names only so many people. */
  async #changePeople(
    groupId: GroupId,
    people: readonly PersonId[],
    decide: (state: GroupState) => GroupChange & { readonly people: readonly PersonId[] },
  ): Promise<GroupView> {
    const { peopleMax } = GROUP_LIMITS;
    const some = (state: GroupState): GroupChange | undefined => {
      const change = decide(state);
      if (change.people.length === 0) return undefined;
      const part = { done: people.length - change.people.length, total: people.length };
      return { ...change, people: change.people.slice(0, peopleMax), part };
    };
    let view = await this.#change(groupId, some);
    for (let done = peopleMax; done < people.length; done += peopleMax) {
      view = await this.#change(groupId, some);
    }
    return view;
  }

  async #peopleAt(connection: Connection, mails: readonly string[]): Promise<PersonId[]> {
    const { own } = this.#context;
    const people = new Set<PersonId>();
    // Some at once, so that not each takes a round trip; whoever is unknown is told below, of several the first.
    const others = mails.filter((mail) => mail !== own.mail);
    await inTurns(
      others,
      (mail) => this.#directory.findByMail(connection, mail).catch(() => undefined),
      (done) =>
        this.#context.progress.tell({ work: 'looking-up', groupId: undefined, done, total: others.length }),
    );
    for (const [at, mail] of mails.entries()) {
      if (mail === own.mail) people.add(own.personId);
      else people.add(await this.#personAt(connection, mail, at));
    }
    return [...people];
  }

  async #personAt(connection: Connection, mail: string, at: number): Promise<PersonId> {
    try {
      return (await this.#directory.findByMail(connection, mail)).personId;
    } catch (error) {
      if (!(error instanceof KuvertError) || error.code !== 'recipient_unknown') throw error;
      throw new KuvertError(error.code, { details: { at }, cause: error });
    }
  }

  /** Who makes a group is in it anyway. */
  #others(people: readonly PersonId[]): PersonId[] {
    return people.filter((person) => person !== this.#context.own.personId);
  }

  #connected(): Connection {
    const connection = this.#hooks.connection();
    if (connection === undefined) throw new KuvertError('server_unreachable');
    return connection;
  }

  #isMember(state: GroupState): boolean {
    return memberOf(state, this.#context.own.personId) !== undefined;
  }

  #view({ groupId, conversationId, title, state }: GroupRow): GroupView {
    const { store, own } = this.#context;
    return {
      groupId,
      conversationId,
      title,
      epoch: state.epoch,
      members: state.members.map(({ person, role }) => {
        const isSelf = person === own.personId;
        const known = store.directory.getPerson(person);
        const { mail, name } = isSelf ? own : { mail: known?.mail, name: known?.name };
        return { personId: person, role, mail, name, isSelf };
      }),
      role: memberOf(state, own.personId)?.role,
      isDissolved: state.isDissolved,
    };
  }
}

/** @throws KuvertError `title_invalid` for a title with control characters, or none */
function checkedTitle(title: string): string {
  const parsed = displayName.safeParse(title);
  if (!parsed.success) throw new KuvertError('title_invalid');
  return parsed.data;
}
