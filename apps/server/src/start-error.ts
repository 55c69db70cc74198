/**
 * A start that failed, told in one sentence: what is wrong and what to do, with the folder, port
 * or variable concerned, and nothing else. No stack trace, because nothing of ours is broken.
 */
import { type ErrorCode, isErrorCode, KuvertError, sentenceFor } from '@kuvert/protocol';
import { FolderError } from '@kuvert/safe-folder';

/** An expected failure to start. */
export class StartError extends KuvertError {
  /** The folder, port or variable concerned, for the one person who may see it: whoever starts the server. */
  readonly about: string | undefined;

  constructor(code: ErrorCode, options: { about?: string; cause?: unknown } = {}) {
    super(code, options.cause === undefined ? {} : { cause: options.cause });
    this.about = options.about;
  }
}

/**
 * Gives a failure to start its code and what it is about. What is not expected comes back as it is.
 * @param about the folder, port or variable that the failed step was about
 */
export function startErrorFrom(error: unknown, about: string): unknown {
  if (error instanceof StartError) return error;
  if (error instanceof FolderError) {
    if (error.code === 'folder_missing') {
      return new StartError('config_invalid', { about: `${about} is not a folder`, cause: error });
    }
    // Two folders have locks, and only the data folder is kept locked.
    const code = error.code === 'folder_in_use' ? 'data_in_use' : error.code;
    return new StartError(code, { about, cause: error });
  }
  if (error instanceof KuvertError) return new StartError(error.code, { about, cause: error });
  const { code } = (error ?? {}) as { code?: unknown };
  if (code === 'EADDRINUSE') return new StartError('port_in_use', { about, cause: error });
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') {
    return new StartError('config_invalid', { about: `${about} is not a folder`, cause: error });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES') {
    return new StartError('config_invalid', { about: `${about} cannot be listened on`, cause: error });
  }
  return error;
}

/** One sentence for whoever starts the server, in English. */
export function sentenceOfStartFailure(error: unknown): string {
  if (!(error instanceof KuvertError) || !isErrorCode(error.code)) return sentenceFor('internal', 'en');
  const sentence = sentenceFor(error.code, 'en');
  if (!(error instanceof StartError) || error.about === undefined) return sentence;
  return `${sentence.slice(0, -1)} (${error.about}).`;
}
