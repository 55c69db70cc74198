/** The chat's sentences in English. */
import { problemSentence } from '../../problem-sentence.ts';
import type { ChatTexts } from './chat-texts.ts';

const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

function duration(ms: number | undefined): string {
  if (ms === undefined) return 'always';
  const seconds = Math.round(ms / 1_000);
  if (seconds % 604_800 === 0) return plural(seconds / 604_800, 'week', 'weeks');
  if (seconds % 86_400 === 0) return plural(seconds / 86_400, 'day', 'days');
  if (seconds % 3_600 === 0) return plural(seconds / 3_600, 'hour', 'hours');
  if (seconds % 60 === 0) return plural(seconds / 60, 'minute', 'minutes');
  return plural(seconds, 'second', 'seconds');
}

const stateWords = { queued: 'waiting', accepted: 'sent', delivered: 'delivered', read: 'read' } as const;

export const en: ChatTexts = {
  you: () => 'You',
  online: () => 'online',
  connecting: () => 'connecting …',
  offlineSince: (time) => `offline since ${time}`,
  offlineLong: (time, seconds) => `offline since ${time}, next try in ${seconds} s`,
  newMessages: () => 'new messages',
  deletedMessage: () => 'This message was deleted.',
  emptyMessage: () => '(a message without text)',
  tooNew: () => 'Your app is too old for this message.',
  timerChanged: ({ isOwn, author = 'They' }, ms) =>
    ms === undefined
      ? `${isOwn ? 'You' : author} set that messages stay.`
      : `${isOwn ? 'You' : author} set that messages disappear ${duration(ms)} after they were read.`,
  duration,
  stateWord: (state) => stateWords[state],
  stateSentence: (state) =>
    ({
      queued: 'It waits here to be sent.',
      accepted: 'The server has accepted it.',
      delivered: 'It has arrived.',
      read: 'It was read.',
    })[state],
  problem: (code) => `Not sent: ${problemSentence(code, 'en')}`,
  typingSeveral: (names) => `${names} are writing …`,
  typing: (name) => `${name} is writing …`,
  isOnline: () => 'online',
  isAway: () => 'away',
  verification: (state) =>
    ({ verified: 'verified', unverified: 'not verified', changed: 'keys have changed' })[state],
  muted: (until) => (until === undefined ? 'muted' : `muted until ${until}`),
  pinned: () => 'pinned',
  draft: () => 'Draft',
  timer: (ms) => `disappear ${duration(ms)} after reading`,
  unreadCount: (count) => `${count} unread`,
  belowCount: (count) => `${count} further down ↓`,

  listTitle: () => 'Conversations',
  noConversations: () => ['No conversations yet.', '', 'Press F2 to choose somebody and write to them.'],
  nothingOpen: () => [
    'Choose a conversation with ↑ ↓ and Enter,',
    'or press F2 to write to somebody.',
    '',
    'F1 shows all keys and commands.',
  ],
  nothingWritten: (name) => [
    `This is the beginning of your conversation with ${name}.`,
    'What you write is encrypted from your device to theirs; the server cannot read it.',
    'Write below and press Enter.',
  ],
  inputHint: () => 'Write a message',
  closedHint: () => 'You cannot write here any more',
  offlineHint: () => 'You are offline; what you write waits here and is sent by itself',
  hintList: () => '↑↓ choose · Enter open · F2 people · F3 search · ? help · Ctrl-Q leave',
  hintMessages: () => '↑↓ choose · Enter actions · Alt-< beginning · Alt-> end · Esc write',
  hintInput: () => 'Enter send · Alt-Enter line · PgUp scroll · Alt-↑↓ switch · / commands · ? help',
  hintChoose: () => '↑↓ choose · Enter take · Esc close',
  hintScroll: () => '↑↓ PgUp PgDn scroll · Esc close',
  hintConfirm: () => 'y yes · n no',
  leaveAgain: () => 'Press Ctrl-C once more to leave.',

  helpTitle: () => 'Help',
  helpKeys: () => 'Keys',
  helpCommands: () => 'Commands, typed instead of a message',
  helpSignsTitle: () => 'Signs',
  helpSigns: () => [
    ['○ ✓ ✓✓', 'waiting here · the server has it · it has arrived; “read” says that it was read'],
    ['▲ ✕ ⧗', 'pinned · muted · disappears after reading'],
    ['@', 'the message names you'],
    ['✔ !', 'you have compared safety numbers · their keys have changed, or something waits'],
  ],
  peopleTitle: () => 'Write to somebody',
  peopleQuery: () => 'Name or address',
  noPeople: () => 'Nobody is known here yet; the list comes when the server can be reached.',
  nobodyLike: (query) => `Nobody is called “${query}”. Enter writes to it if it is a whole address.`,
  searchTitle: () => 'Search',
  searchQuery: () => 'Words',
  searchHint: () =>
    'Type, then press Enter. Words, or "a phrase"; from:ben, after:2026-11-01, before:2026-12-01 narrow it down.',
  nothingFound: (query) => `Nothing with “${query}” is on this device.`,
  foundCount: (count) => plural(count, 'message', 'messages'),
  dateTitle: () => 'Jump to a day',
  dateQuery: () => 'Day',
  dateHint: () => 'For example 2026-11-03, 3.11., today, yesterday, or -7 for a week ago.',
  dateWrong: () => 'That is no day. Write it like 2026-11-03.',
  devicesTitle: () => 'Your devices',
  devicesHint: () => 'Enter name it · r revoke · l link a new one · Esc close',
  thisDevice: () => 'this device',
  isInactive: () => 'nothing is delivered to it',
  namelessDevice: () => 'A device without a name',
  settingLabel: (name) =>
    ({
      deliveredReceipts: 'Tell that messages have arrived',
      readReceipts: 'Tell that I have read',
      typing: 'Tell that I am writing',
      presence: 'Tell that I am there',
      deviceChanges: 'New devices of others',
      askBeforeSending: 'Hold messages back for keys',
    })[name],
  settingHelp: (name) =>
    ({
      deliveredReceipts: 'off: you do not see it of others either',
      readReceipts: 'off: you do not see it of others either',
      typing: 'off: you do not see it of others either',
      presence: 'off: you do not see it of others either',
      deviceChanges: 'a line in the conversation when somebody has one',
      askBeforeSending: 'until you have compared or accepted them',
    })[name],
  settingValue: (value) =>
    ({
      on: 'on',
      off: 'off',
      never: 'never',
      changed: 'that have changed',
      unverified: 'that are not verified',
    })[value] ?? value,
  canApprove: () => 'may let in and revoke devices',
  addedAt: (day) => `since ${day}`,
  labelTitle: () => 'Name of the device',
  labelQuery: () => 'Name',
  reading: () => 'One moment …',
  safetyTitle: (name) => `Safety number with ${name}`,
  safetyHow: (name) =>
    `Compare it with what ${name} sees, in person or by telephone. If all digits are the same, nobody is between you.`,
  safetyHint: (isVerified, isHeld) =>
    isVerified
      ? 'u not verified any more · Esc close'
      : `v they are the same${isHeld ? ' · a write without comparing' : ''} · Esc close`,
  settingsTitle: () => 'Settings',
  settingsHint: () => '↑↓ choose · Enter change · Esc close',
  on: () => 'on',
  off: () => 'off',
  setByOrganisation: () => 'set by your organisation',
  linkTitle: () => 'Link a new device',
  linkQuery: () => 'Code',
  linkHow: () => ['On the new device run: kuvert link', 'It shows a code. Paste it here and press Enter.'],
  linkNumbers: () => 'Numbers',
  linkCheck: () =>
    'Type the numbers that the new device shows. If they do not fit its code, somebody is between you, and nothing is linked.',
  linkMismatch: () => 'Those are not the numbers. If you typed them right, do not let this device in.',
  linkAsDevice: () => 'Let it in',
  linkAsSigner: () => 'Let it in, and it may let in and revoke devices itself (for a phone)',
  hintTyped: () => 'Enter go on · Esc close',
  confirmTitle: () => 'Are you sure?',

  transfer: (direction, percent) => `${direction === 'up' ? 'uploading' : 'downloading'}: ${percent} %`,
  versionsTitle: () => 'All texts of this message',
  menuReply: () => 'Answer',
  menuReact: () => 'React',
  menuVote: () => 'Answer the poll',
  menuEndPoll: () => 'End the poll',
  menuSave: () => 'Save the file in this folder',
  menuSaveIn: () => 'Save the file in another folder',
  menuEdit: () => 'Edit',
  menuVersions: () => 'Earlier texts',
  plainNaming: (who) => `${who}, who names you`,
  menuTitle: () => 'Message',
  deleteHere: () => 'Delete on this device',
  deleteOwnDevices: () => 'Delete on all my devices',
  deleteEverywhere: () => 'Delete for everybody',
  askDeleteHere: () => 'Delete this message here? The other side keeps it.',
  askDeleteEverywhere: () => 'Delete this message for everybody? Who has read it, has read it.',
  askRevoke: (label) => `Revoke “${label}”? It receives nothing any more, and this cannot be taken back.`,
  askVerify: (name) => `Did you compare every digit with ${name}?`,
  muteTitle: (name) => `Mute ${name}`,
  muteFor: (ms) => (ms === undefined ? 'Until I change it' : `For ${duration(ms)}`),
  unmute: () => 'Not muted',
  timerTitle: () => 'Messages disappear after they were read',

  needsGroup: () => 'Open a group first, or make one: /group create TITLE with NAME, NAME.',
  askRemove: (names, title) => `Take ${names} out of “${title}”? They get nothing new.`,
  askLeave: (title) => `Leave “${title}”? What you received stays here; nothing new will come.`,
  askDissolve: (title) =>
    `Dissolve “${title}”? Nobody can write to it any more, and this cannot be taken back.`,
  groupLogTitle: (title) => `What was done in ${title}`,
  noSafetyOfGroup: () =>
    'A group has no safety number: compare with each member, in the conversation with them.',
  groupCommand: () => 'group',

  unknownCommand: (name) =>
    `There is no command “/${name}”; /help shows all. A message that begins with / is written //.`,
  needsConversation: () => 'Open a conversation first: /open NAME, or /write NAME.',
  needsMessage: () => 'There is no such message here.',
  nobodyNamed: (name) => `Nobody is called “${name}”; /people lists everybody.`,
  severalNamed: (names) =>
    `Several people are meant by that: ${names}. Write more of the name, or the address.`,
  noUnread: () => 'Nothing is unread.',
  notADuration: () => 'That is no length of time; write 30m, 8h, 1d, 2w or off.',
  usage: (usage) => `Write it like this: ${usage}`,
  pinnedNow: (name, isPinned) => (isPinned ? `${name} is pinned.` : `${name} is not pinned any more.`),
  mutedNow: (name, isMuted) => (isMuted ? `${name} is muted.` : `${name} is not muted any more.`),
  timerNow: (ms) =>
    ms === undefined ? 'New messages stay.' : `New messages disappear ${duration(ms)} after they were read.`,
  deletedNow: () => 'The message is deleted.',
  savedAt: (path) => `Saved: ${path}`,
  verifiedNow: (name, isVerified) =>
    isVerified ? `${name} is verified.` : `${name} is not verified any more.`,
  acceptedNow: (name) => `You write to the present keys of ${name}, which you have not compared.`,
  noDay: () => 'There is nothing on or after that day; this is the end.',
  linked: () => 'The new device is linked.',
  revokeAsked: () => 'This device may not revoke others, so it has asked those of yours that may.',
  revoked: () => 'The device is revoked.',
  labelled: () => 'The device has its new name.',
  waitsOffline: () => 'You are offline. The message waits here and is sent by itself.',
  textTooLong: () => 'That is longer than a message may be; the rest was left out.',
  themeNow: (name) => `Colours: ${name}.`,

  plainWelcome: (name, mail) =>
    `This is Kuvert, for ${name}, ${mail}. Write slash help and press Enter to hear all commands.`,
  plainConversation: ({ number, name, unread, facts, last }) =>
    `Conversation ${number}: ${name}${unread > 0 ? `, ${unread} unread` : ''}${facts === '' ? '' : `, ${facts}`}.${last === '' ? '' : ` Last: ${last}`}`,
  plainOpened: (name, count) =>
    `The conversation with ${name} is open. ${plural(count, 'message follows', 'messages follow')}.`,
  plainMessage: ({ who, isOwn, when, text, state }) =>
    `${isOwn ? 'You wrote' : `${who} wrote`}, ${when}: ${text}${state === '' ? '' : ` (${state})`}`,
  plainNew: ({ who, when, text, here, group }) =>
    `New message${here ? '' : group === undefined ? ' in another conversation' : ` in the group “${group}”`} from ${who}, ${when}: ${text}`,
  plainNotice: (text) => `Notice: ${text}`,
  plainState: ({ state, text }) => `Your message “${text}” is now: ${state}.`,
  plainNowOnline: () => 'The server is connected.',
  plainTyping: (name) => `${name} is writing.`,
  plainHit: ({ number, who, name, when, text }) =>
    `Result ${number}: ${who}, in the conversation with ${name}, ${when}: ${text}`,
  plainPerson: (number, name, mail) => `Person ${number}: ${name}, ${mail}`,
  plainDevice: ({ number, label, isThis, canApprove }) =>
    `Device ${number}: ${label}${isThis ? ', this device' : ''}${canApprove ? ', may let in and revoke devices' : ''}.`,
  plainSetting: ({ number, label, state }) => `Setting ${number}: ${label}: ${state}.`,
  plainChoice: (number, label) => `Choice ${number}: ${label}.`,
  plainChoose: () => 'Write slash choose and a number to take one.',
  plainSafety: ({ name, number, state }) => `Safety number with ${name}: ${number}. State: ${state}.`,
  plainEarlier: () => 'Earlier messages:',
  plainNoEarlier: () => 'There is nothing earlier.',
  plainYesNo: () => 'Answer yes or no.',
  plainNoConversations: () =>
    'No conversations yet. Write slash write and a name to begin one; slash people tells who is there.',
  plainLeft: () => 'Goodbye.',
};
