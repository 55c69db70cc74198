/** Everything that the chat knows while it runs. Plain data that is never changed, only replaced (`update.ts`). */
import type { Language } from '../config.ts';
import type {
  Connection,
  ConversationItem,
  DeviceItem,
  Effect,
  EntryItem,
  LinkOffer,
  PersonItem,
  PictureItem,
  SafetyItem,
  SearchHit,
  SelfItem,
  SettingItem,
  TransferItem,
} from './model.ts';
import type { Size } from './render/line.ts';
import type { ThemeName } from './terminal/theme.ts';
import { type Editor, EMPTY_EDITOR } from './text/editor.ts';
import { type ChatTexts, chatTextsIn } from './texts/texts.ts';

/** The last visible row: a row of an entry's block of lines. */
export interface Bottom {
  readonly key: string;
  readonly row: number;
}

/** The conversation that is shown, and the part of it that is loaded. */
export interface OpenConversation {
  readonly id: string;
  readonly entries: readonly EntryItem[];
  readonly hasOlder: boolean;
  readonly hasNewer: boolean;
  /** An answer is on its way. */
  readonly isLoading: boolean;
  /** Undefined while the view follows the newest entry. */
  readonly bottom: Bottom | undefined;
  /** The line "new messages" stands before this entry. */
  readonly newFrom: string | undefined;
  /** The entry that commands are about. */
  readonly chosen: string | undefined;
}

/** Rows of a view that can be chosen. */
interface ListView {
  readonly selected: number;
}

/** What lies over the conversation. */
export type View =
  | { readonly kind: 'none' }
  | { readonly kind: 'help'; readonly scroll: number }
  | {
      readonly kind: 'sheet';
      readonly title: string;
      readonly lines: readonly string[];
      readonly picture: PictureItem | undefined;
      readonly scroll: number;
    }
  | (ListView & { readonly kind: 'people'; readonly query: Editor; readonly isLoading: boolean })
  | (ListView & {
      readonly kind: 'search';
      readonly query: Editor;
      /** The query that `hits` answers. */
      readonly asked: string | undefined;
      readonly hits: readonly SearchHit[];
    })
  | { readonly kind: 'date'; readonly query: Editor; readonly isWrong: boolean }
  | (ListView & { readonly kind: 'devices'; readonly devices: readonly DeviceItem[] | undefined })
  | { readonly kind: 'label'; readonly device: DeviceItem; readonly query: Editor }
  | { readonly kind: 'safety'; readonly safety: SafetyItem | undefined; readonly scroll: number }
  | (ListView & { readonly kind: 'settings'; readonly settings: readonly SettingItem[] | undefined })
  | { readonly kind: 'link'; readonly query: Editor; readonly offer: LinkOffer | undefined }
  /** A question; `effects` are what yes does. */
  | { readonly kind: 'confirm'; readonly question: string; readonly effects: readonly Effect[] }
  /** A choice among few things for an entry or a conversation. */
  | (ListView & { readonly kind: 'menu'; readonly title: string; readonly choices: readonly Choice[] });

/** One thing to choose. */
export interface Choice {
  readonly label: string;
  readonly effects: readonly Effect[];
  /** Written into the line, for the person to go on with. */
  readonly line?: string;
  /** Asked before it is done. */
  readonly question?: string;
}

/** A sentence at the bottom of the screen. */
export interface Told {
  readonly sentence: string;
  readonly isError: boolean;
  readonly untilMs: number;
}

/** @see the top of this file */
export interface ChatState {
  readonly language: Language;
  readonly texts: ChatTexts;
  readonly theme: ThemeName;
  readonly size: Size;
  readonly nowMs: number;
  readonly hasFocus: boolean;
  /** When the last key was pressed, and whether others were told that the person is there. */
  readonly lastKeyMs: number;
  readonly isPresent: boolean;
  /** True for `--plain`: views are read out, not drawn. */
  readonly isPlain: boolean;
  readonly self: SelfItem;
  readonly connection: Connection;
  /** Undefined until the store was read. */
  readonly conversations: readonly ConversationItem[] | undefined;
  /** The line of the list that is chosen. */
  readonly listed: string | undefined;
  readonly open: OpenConversation | undefined;
  readonly focus: 'list' | 'messages' | 'input';
  /** How often the list was asked for by `/list`: plain mode reads it out each time. */
  readonly listAsked: number;
  readonly editor: Editor;
  /** When other people were last told that one writes. */
  readonly typingToldMs: number;
  /** When the draft was changed without being kept. */
  readonly draftSinceMs: number | undefined;
  readonly view: View;
  readonly people: readonly PersonItem[] | undefined;
  /** Files on their way, by name. */
  readonly transfers: Readonly<Record<string, TransferItem>>;
  /** The terminal has colours enough for small pictures. */
  readonly hasPictures: boolean;
  readonly told: Told | undefined;
  /** Ctrl-C was pressed in an empty line: once more leaves. */
  readonly isLeaving: boolean;
}

/** What a run of the chat begins with. */
export interface Beginning {
  readonly language: Language;
  readonly theme: ThemeName;
  readonly size: Size;
  readonly nowMs: number;
  readonly self: SelfItem;
  readonly isPlain?: boolean;
  readonly hasPictures?: boolean;
}

export function beginningState(beginning: Beginning): ChatState {
  return {
    isPlain: false,
    hasPictures: false,
    ...beginning,
    texts: chatTextsIn(beginning.language),
    hasFocus: true,
    lastKeyMs: beginning.nowMs,
    isPresent: false,
    connection: { kind: 'connecting' },
    conversations: undefined,
    listed: undefined,
    open: undefined,
    focus: 'list',
    listAsked: 0,
    editor: EMPTY_EDITOR,
    typingToldMs: 0,
    draftSinceMs: undefined,
    view: { kind: 'none' },
    people: undefined,
    transfers: {},
    told: undefined,
    isLeaving: false,
  };
}

/** The list line of the open conversation. */
export function openItem(state: ChatState): ConversationItem | undefined {
  return state.conversations?.find(({ id }) => id === state.open?.id);
}
