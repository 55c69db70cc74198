/** How a failure is told: a code of the catalogue, one sentence, whether to try again, and the exit code. Never a stack trace. */
import {
  contentRuleFor,
  ERRORS,
  type ErrorCode,
  isErrorCode,
  KuvertError,
  type Retry,
  sentenceFor,
} from '@kuvert/protocol';
import { CommanderError } from 'commander';
import type { Language } from './config.ts';
import { EXIT, type ExitCode, exitCodeFor } from './exit-codes.ts';
import { showLine } from './terminal-text.ts';

/** A failure as it is told. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retry: Retry;
  readonly exitCode: ExitCode;
}

/** The command was written wrongly; the sentence says how, in both languages. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly sentences: Readonly<Record<Language, string>>;

  constructor(sentences: Readonly<Record<Language, string>>) {
    super(sentences.en);
    this.sentences = sentences;
  }
}

/** @throws UsageError for something that is no http address */
export function checkServerUrl(serverUrl: string): void {
  if (URL.canParse(serverUrl) && /^https?:$/.test(new URL(serverUrl).protocol)) return;
  throw new UsageError({
    en: 'The server is not a URL such as https://kuvert.acme.test; see --help.',
    de: 'Der Server ist keine Adresse wie https://kuvert.acme.test; siehe --help.',
  });
}

/** Whoever read our output has gone (`kuvert inbox | head -1`): a reason to stop, and nobody left to tell. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError';
}

/** A refusal of the catalogue with the folder, variable or address that it is about. */
export class FailureAbout extends KuvertError {
  readonly about: string | undefined;

  constructor(code: ErrorCode, about: string | undefined) {
    super(code);
    this.about = about;
  }
}

/** Turns whatever was thrown into what is told. */
export function describeFailure(error: unknown, language: Language): Failure {
  if (error instanceof UsageError) return failureOf('usage', error.sentences[language]);
  if (error instanceof CommanderError) return failureOf('usage', usageSentence(error, language));
  const code = codeOf(error);
  const sentence = brokenRule(code, error, language) ?? sentenceFor(code, language);
  // What only the system or our own code knows is named by its code word; its text may hold paths or content.
  const name =
    error instanceof FailureAbout
      ? showLine(error.about ?? '')
      : code === 'unexpected'
        ? unexpectedName(error)
        : '';
  const failure = failureOf(code, name === '' ? sentence : `${sentence} (${name})`);
  const retry = (error as { retry?: Retry } | null)?.retry;
  return retry === undefined ? failure : { ...failure, retry };
}

function failureOf(code: ErrorCode, message: string): Failure {
  return {
    code,
    message,
    retry: ERRORS[code].retry,
    exitCode: code === 'usage' ? EXIT.usage : exitCodeFor(code),
  };
}

/** Codes that the operating system gives for what the catalogue has a sentence for. */
const BY_SYSTEM_CODE: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EROFS: 'folder_read_only',
  EACCES: 'folder_read_only',
  EPERM: 'folder_read_only',
};

function codeOf(error: unknown): ErrorCode {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== 'string') return 'unexpected';
  return isErrorCode(code) ? code : (BY_SYSTEM_CODE[code] ?? 'unexpected');
}

function unexpectedName(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return showLine(String(typeof code === 'string' ? code : (name ?? typeof error))).slice(0, 60);
}

/** What the part of a message that cannot be sent would have to be. */
function brokenRule(code: ErrorCode, error: unknown, language: Language): string | undefined {
  const field = code === 'content_invalid' && (error as KuvertError).details?.field;
  return typeof field === 'string' ? contentRuleFor(field, language) : undefined;
}

const GERMAN_USAGE: Readonly<Record<string, (word: string) => string>> = {
  'commander.missingArgument': (word) => `Es fehlt die Angabe „${word}“.`,
  'commander.optionMissingArgument': (word) => `Die Option „${word}“ braucht einen Wert.`,
  'commander.missingMandatoryOptionValue': (word) => `Es fehlt die Option „${word}“.`,
  'commander.unknownOption': (word) => `Die Option „${word}“ gibt es nicht.`,
  'commander.unknownCommand': (word) => `Den Befehl „${word}“ gibt es nicht.`,
  'commander.conflictingOption': (word) => `Die Option „${word}“ passt nicht zu den anderen.`,
};

function usageSentence(error: CommanderError, language: Language): string {
  if (error.code === 'commander.help') {
    return language === 'de' ? 'Es fehlt ein Befehl; siehe --help.' : 'A command is missing; see --help.';
  }
  const text = showLine(
    error.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .trim(),
  );
  if (language === 'de') {
    const word = /'([^']*)'/.exec(text)?.[1] ?? '';
    const sentence = GERMAN_USAGE[error.code]?.(word);
    return sentence === undefined ? `${sentenceFor('usage', 'de')} (${text})` : `${sentence} Siehe --help.`;
  }
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return `${capital.replace(/[.?]?$/, '')}; see --help.`;
}
