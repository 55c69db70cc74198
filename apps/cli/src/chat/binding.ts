/**
 * The only place where the chat meets the messenger: does what the state asks for (`Effect`) and tells what has become of it
 * (`ChatEvent`). What reads the container answers at once; what needs the server runs on its own and never holds up a key.
 */
import { type ConversationChanges, type EntryId, isGroupNews } from '@kuvert/client-core';
import type { Profile } from '@kuvert/client-core/node';
import type { ConversationId, DeviceId, PersonId } from '@kuvert/protocol';
import type { Language } from '../config.ts';
import { describeFailure } from '../failure.ts';
import { ChatItems } from './chat-items.ts';
import { KeptConnection } from './connection.ts';
import { readPlace } from './entry-pages.ts';
import { FilesBinding } from './files-binding.ts';
import { GroupBinding } from './group-binding.ts';
import { actOnMessage, sendText } from './message-effects.ts';
import type { ChatEvent, Connection, Effect } from './model.ts';
import { OwnBinding } from './own-binding.ts';
import { PeopleBinding } from './people-binding.ts';
import { dayAndTime } from './render/times.ts';
import { searchHits } from './search-hits.ts';
import { type ChatTexts, chatTextsIn } from './texts/texts.ts';

/** Changes that come within this time are shown at once, so that a full mailbox does not draw the list a thousand times. */
const GATHER_MS = 60;
/** How long somebody who leaves waits for what was just written. */
const LEAVE_MS = 3_000;

/** What a binding needs. */
export interface BindingOptions {
  readonly profile: Profile;
  readonly language: Language;
  readonly tell: (event: ChatEvent) => void;
  readonly now?: () => number;
}

/** Effects that the binding does; the others are the terminal's. */
export type MessengerEffect = Exclude<Effect, { do: 'redraw' | 'suspend' | 'quit' | 'bell' }>;

/** @see the top of this file */
export class Binding {
  readonly #profile: Profile;
  readonly #language: Language;
  readonly #texts: ChatTexts;
  readonly #tell: (event: ChatEvent) => void;
  readonly #connection: KeptConnection;
  readonly #own: OwnBinding;
  readonly #groups: GroupBinding;
  readonly #files: FilesBinding;
  readonly #people: PeopleBinding;
  readonly #items: ChatItems;
  readonly #undo: (() => void)[];
  readonly #changed = new Set<string>();
  #gathering: NodeJS.Timeout | undefined;
  #listTookMs = 0;
  /** With whom the conversation is that was opened last. */
  #lookedAt: PersonId | undefined;

  constructor(options: BindingOptions) {
    const { profile, language, tell, now } = options;
    this.#profile = profile;
    this.#language = language;
    this.#texts = chatTextsIn(language);
    this.#tell = tell;
    this.#own = new OwnBinding({ profile, texts: this.#texts, tell });
    this.#groups = new GroupBinding({ profile, language, tell });
    this.#files = new FilesBinding({ profile, language, tell });
    this.#people = new PeopleBinding({ profile, texts: this.#texts, tell });
    this.#items = new ChatItems({
      profile,
      language,
      groups: this.#groups,
      files: this.#files,
      people: this.#people,
    });
    this.#connection = new KeptConnection({
      profile,
      language,
      onChange: (connection) => this.#connectionChanged(connection),
      ...(now === undefined ? {} : { now }),
    });
    this.#undo = [
      profile.conversations.onChanged((changes) => this.#gather(changes)),
      // Who writes and who is there stands in the list and nowhere else.
      profile.activity.onChanged(() => this.#showListSoon()),
    ];
  }

  /** Shows what is here, then connects. */
  start(): void {
    this.#showList();
    this.#tellNotices();
    this.#connection.connectNow();
  }

  /** Does one effect. Never throws: what goes wrong is told. */
  async run(effect: MessengerEffect): Promise<void> {
    try {
      await this.#do(effect);
    } catch (error) {
      const { message } = describeFailure(error, this.#language);
      if (effect.do === 'send') {
        this.#tell({ kind: 'notSent', id: effect.id, text: effect.text, sentence: message });
      } else {
        this.#tell({ kind: 'told', sentence: message, isError: true });
      }
    }
  }

  /** Lets what was just written go out, if that is quick, and ends the connection; the profile stays open. */
  async end(): Promise<void> {
    this.#connection.end();
    clearTimeout(this.#gathering);
    for (const undo of this.#undo.splice(0)) undo();
    this.#files.end();
    if (this.#profile.isConnected) await this.#profile.flush({ timeoutMs: LEAVE_MS }).catch(() => undefined);
  }

  #do(effect: MessengerEffect): void | Promise<void> {
    const { conversations } = this.#profile;
    switch (effect.do) {
      case 'load':
        return this.#load(effect);
      case 'send':
        return this.#send(effect);
      case 'markRead':
        return conversations.markRead(entryIdOf(effect.key));
      case 'saveDraft':
        return conversations.setDraft(conversationIdOf(effect.id), effect.text);
      case 'people':
        return this.#people.show();
      case 'begin':
        return this.#begin(effect.mail);
      case 'setPinned':
        return conversations.setPinned(conversationIdOf(effect.id), effect.isPinned);
      case 'setMuted':
        return conversations.setMuted(conversationIdOf(effect.id), effect.untilMs);
      case 'search':
        return this.#tell({
          kind: 'found',
          query: effect.query,
          hits: searchHits(this.#profile, effect.query),
        });
      case 'setTimer':
        return conversations.setTimer(conversationIdOf(effect.id), effect.timerMs);
      case 'deleteEntry':
        conversations.deleteEntries([entryIdOf(effect.key)], effect.scope);
        return this.#tell({ kind: 'told', sentence: this.#texts.deletedNow(), isError: false });
      case 'act':
        return this.#act(effect);
      case 'compose':
        return this.#files.compose(effect);
      case 'complete':
        return this.#files.complete(effect);
      case 'versions':
        return this.#showVersions(entryIdOf(effect.key));
      case 'group':
        return this.#changeGroup(effect);
      case 'safety':
        return this.#own.showSafety(effect.id, this.#mailOf(effect.id));
      case 'setVerified':
        return this.#setVerified(effect);
      case 'acceptKeys':
        return this.#own.accept(effect.id, this.#mailOf(effect.id));
      case 'devices':
        return this.#own.showDevices();
      case 'labelDevice':
        return this.#own.labelDevice(deviceIdOf(effect.deviceId), effect.label);
      case 'revokeDevice':
        return this.#own.revoke(deviceIdOf(effect.deviceId));
      case 'readLink':
        return this.#own.readLink(effect.code);
      case 'approveLink':
        return this.#own.approveLink(effect);
      case 'settings':
        return this.#own.showSettings();
      case 'setSetting':
        return this.#own.setSetting(effect.name, effect.value);
      case 'connectNow':
        return this.#connection.connectNow();
      case 'typing':
        return this.#type(effect);
      case 'present':
        return this.#profile.activity.setPresent(effect.isPresent);
    }
  }

  #load({ id, place }: Extract<Effect, { do: 'load' }>): void {
    const conversationId = conversationIdOf(id);
    // Whoever is looked at is told that one is there, and asked.
    if (place.at !== 'again') this.#withPerson(id, (personId) => this.#lookAt(personId));
    const page = readPlace(this.#profile.conversations, conversationId, place);
    const entries = page.entries.map((entry) => this.#items.entry(entry));
    if (page.isBeyondEnd) this.#tell({ kind: 'told', sentence: this.#texts.noDay(), isError: false });
    const shown = page.isBeyondEnd ? ({ at: 'end' } as const) : place;
    this.#tell({
      kind: 'entries',
      id,
      place: shown,
      entries,
      hasOlder: page.hasOlder,
      hasNewer: page.hasNewer,
    });
  }

  async #send({ id, text }: Extract<Effect, { do: 'send' }>): Promise<void> {
    const conversationId = conversationIdOf(id);
    this.#profile.conversations.setDraft(conversationId, '');
    await sendText(this.#profile, conversationId, text);
  }

  #showVersions(entryId: EntryId): void {
    const lines = this.#profile.conversations
      .versions(entryId)
      .flatMap(({ atMs, text }) => [`${dayAndTime(atMs, this.#language)}`, ...text.split('\n'), '']);
    this.#tell({ kind: 'sheet', title: this.#texts.versionsTitle(), lines });
  }

  async #act({ id, key, action, text }: Extract<Effect, { do: 'act' }>): Promise<void> {
    const what = { entryId: entryIdOf(key), action, text };
    const path = await actOnMessage(this.#profile, conversationIdOf(id), what);
    if (path !== undefined) this.#tell({ kind: 'told', sentence: this.#texts.savedAt(path), isError: false });
  }

  async #changeGroup({ id, request }: Extract<Effect, { do: 'group' }>): Promise<void> {
    await this.#groups.run(id === undefined ? undefined : conversationIdOf(id), request);
    this.#showListSoon();
  }

  async #setVerified({ id, isVerified, shown }: Extract<Effect, { do: 'setVerified' }>): Promise<void> {
    const mail = this.#mailOf(id);
    if (isVerified) await this.#own.verify(id, mail, shown);
    else await this.#own.unverify(id, mail);
    this.#showList();
  }

  #type({ id, isTyping }: Extract<Effect, { do: 'typing' }>): void {
    const { group, peer } = this.#profile.conversations.get(conversationIdOf(id));
    const { activity } = this.#profile;
    if (group !== undefined) activity.inGroups.typing(group.groupId, isTyping);
    else if (peer.personId !== undefined) activity.typing(peer.personId, isTyping);
  }

  #withPerson(id: string, act: (personId: PersonId) => void): void {
    const { personId } = this.#profile.conversations.get(conversationIdOf(id)).peer;
    if (personId !== undefined) act(personId);
  }

  #lookAt(personId: PersonId): void {
    this.#lookedAt = personId;
    this.#profile.activity.lookAt(personId);
    void this.#profile.safety.freshen(personId);
  }

  #mailOf(id: string): string {
    return this.#profile.conversations.get(conversationIdOf(id)).peer.mail ?? '';
  }

  async #begin(wanted: string): Promise<void> {
    const id = await this.#people.begin(wanted);
    if (id === undefined) return;
    this.#showList();
    this.#tell({ kind: 'begun', id });
  }

  #connectionChanged(connection: Connection): void {
    this.#tell({ kind: 'connection', connection });
    if (connection.kind !== 'online') return;
    void this.run({ do: 'people' });
    if (this.#lookedAt !== undefined) void this.#profile.safety.freshen(this.#lookedAt);
  }

  #gather({ entries, settings }: ConversationChanges): void {
    for (const id of [...entries, ...settings]) this.#changed.add(id);
    this.#showListSoon();
  }

  #showListSoon(): void {
    // A long list is not read again before as much time has passed for everything else.
    this.#gathering ??= setTimeout(() => this.tellChanges(), Math.max(GATHER_MS, 3 * this.#listTookMs));
  }

  /** Tells at once what has changed. */
  tellChanges(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const ids = [...this.#changed];
    this.#changed.clear();
    this.#showList();
    if (ids.length === 0) return;
    this.#tell({ kind: 'changed', ids });
    this.#tellNotices();
  }

  #showList(): void {
    const beganAt = performance.now();
    const items = this.#profile.conversations.list().map((summary) => this.#items.conversation(summary));
    this.#tell({ kind: 'conversations', items });
    this.#listTookMs = performance.now() - beganAt;
  }

  /** Notices that stand in no conversation; the others are read there. Who looks at the list sees a group come and end. */
  #tellNotices(): void {
    const own = this.#profile.whoami().personId;
    const notices = this.#profile
      .notices()
      .filter(({ personId }) => personId === undefined || personId === own);
    if (notices.length === 0) return;
    for (const notice of notices) {
      if (isGroupNews(notice)) continue;
      this.#tell({ kind: 'told', sentence: this.#items.sentence(notice), isError: true });
    }
    this.#profile.markNoticesSeen(notices.map(({ noticeId }) => noticeId));
  }
}

function entryIdOf(key: string): EntryId {
  return Number(key);
}

function deviceIdOf(id: string): DeviceId {
  return id as DeviceId;
}

/** Ids of the list come from the messenger and go back to it. */
function conversationIdOf(id: string): ConversationId {
  return id as ConversationId;
}
