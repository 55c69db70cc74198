/** What a message is and has beside its text, as people see it. */
import type {
  AttachmentId,
  ContentId,
  LinkPreview,
  Mention,
  PersonId,
  Preview,
  ShownContent,
} from '@kuvert/protocol';

/** `deleted`: its author has taken it back. `too-new`: this release cannot show it. `timer`: how long messages stay was set. */
export type MessageKind = ShownContent['kind'] | 'too-new' | 'deleted' | 'timer';

/** A file that belongs to a message. */
export interface FileDetails {
  readonly attachment: AttachmentId;
  /** A name that is harmless as that of a file on any system. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** Hash of the file, in hex. */
  readonly sha256: string;
  readonly preview?: Preview;
  readonly width?: number;
  readonly height?: number;
  readonly durationMs?: number;
  readonly waveform?: Uint8Array;
}

/** A question with what was answered. */
export interface PollDetails {
  readonly question: string;
  readonly options: readonly { readonly text: string; readonly people: readonly PersonId[] }[];
  readonly isMultiple: boolean;
  readonly endedAtMs?: number;
}

/** What a message has beside its text, each only where there is any. */
export interface MessageDetails {
  /** The message that it answers; `text` (without words: what it is called by) and its kind, unless that is a text, while it is here and was not taken back. */
  readonly replyTo?: {
    readonly messageId: ContentId;
    readonly author: PersonId;
    readonly kind?: ShownContent['kind'];
    readonly text?: string;
  };
  readonly mentions?: readonly Mention[];
  readonly links?: readonly LinkPreview[];
  readonly file?: FileDetails;
  readonly location?: {
    /** Degrees. */
    readonly latitude: number;
    readonly longitude: number;
    readonly accuracyM?: number;
    readonly label?: string;
  };
  readonly contact?: {
    readonly name: string;
    readonly person?: PersonId;
    readonly mails: readonly string[];
    readonly phones: readonly string[];
    readonly organisation?: string;
  };
  readonly poll?: PollDetails;
  /** When it was last edited, and how often. */
  readonly edited?: { readonly atMs: number; readonly times: number };
  readonly reactions?: readonly { readonly emoji: string; readonly people: readonly PersonId[] }[];
}

/** A text that a message has had. */
export interface MessageVersion {
  readonly atMs: number;
  readonly text: string;
}
