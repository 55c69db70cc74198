/**
 * The log: one JSON line per event, by allow-list (design.md, style.md). A field that is not on the list below, or whose value does not
 * have the form that the list gives it, is dropped before it reaches the logger. So neither a name, an address, content or key
 * material nor the text of a library's error can get into a log by carelessness.
 */
import pino from 'pino';

const WORD = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ID = /^[a-z]{2}_[0-9a-z]{29}$/;

type Check = (value: unknown) => boolean;
const word: Check = (value) => typeof value === 'string' && WORD.test(value);
const id: Check = (value) => typeof value === 'string' && ID.test(value);
const count: Check = (value) => typeof value === 'number' && Number.isFinite(value);
const hash: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
const words: Check = (value) => Array.isArray(value) && value.length <= 20 && value.every(isFrame);

/** Every field that may be logged, and the form it must have. */
const FIELDS: { readonly [F in keyof Required<LogFields>]: Check } = {
  event: word,
  tenantId: id,
  personId: id,
  deviceId: id,
  administratorId: id,
  code: word,
  name: word,
  method: word,
  signal: word,
  reason: word,
  frames: words,
  count,
  port: count,
  sizeBytes: count,
  sha256: hash,
  durationMs: count,
};

/** What may stand in a log line. */
export interface LogFields {
  /** What happened, in kebab-case, for example `device-connected`. */
  readonly event: string;
  readonly tenantId?: string;
  readonly personId?: string;
  readonly deviceId?: string;
  readonly administratorId?: string;
  /** Code of an error: of the catalogue, of the channel or of the system. */
  readonly code?: string;
  /** Class of an error. */
  readonly name?: string;
  readonly method?: string;
  readonly signal?: string;
  /** A code word that says why. */
  readonly reason?: string;
  /** Places in our own files, without messages. */
  readonly frames?: readonly string[];
  readonly count?: number;
  readonly port?: number;
  readonly sizeBytes?: number;
  /** Of sealed bytes, in hex: what the server has kept for others, without a word on what is in it. */
  readonly sha256?: string;
  readonly durationMs?: number;
}

/** Where events go. `error` means that we have a bug. */
export interface Log {
  error(fields: LogFields): void;
  warn(fields: LogFields): void;
  info(fields: LogFields): void;
  debug(fields: LogFields): void;
  /** Writes what is still buffered, before the process ends. */
  flush(): void;
}

/** What of an error may be logged: its class, its code and the places in our own files. Never its message. */
export function describeError(error: unknown): Pick<LogFields, 'name' | 'code' | 'frames'> {
  const { code, stack, message } = (error ?? {}) as { code?: unknown; stack?: unknown; message?: unknown };
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return {
    name,
    ...(typeof code === 'string' ? { code } : {}),
    frames: typeof stack === 'string' ? framesOf(stack, typeof message === 'string' ? message : '') : [],
  };
}

const PLACE = /((?:apps|packages|scripts)\/[A-Za-z0-9_./-]{1,120}\.(?:ts|js|mjs):\d{1,6}):\d{1,6}\)?$/;
const FRAME = /^(?:apps|packages|scripts)\/[A-Za-z0-9_./-]{1,120}\.(?:ts|js|mjs):\d{1,6}$/;

function isFrame(value: unknown): boolean {
  return typeof value === 'string' && FRAME.test(value);
}

/** The message stands in front of the frames and may have lines of its own, so it is cut off first. */
function framesOf(stack: string, message: string): string[] {
  const start = stack.indexOf(message);
  const lines = stack.slice(start < 0 ? 0 : start + message.length).split('\n');
  const frames: string[] = [];
  for (const line of lines) {
    const place =
      line.startsWith('    at ') && !line.includes('node_modules') ? PLACE.exec(line)?.[1] : undefined;
    if (place !== undefined && frames.length < 20) frames.push(place);
  }
  return frames;
}

/** Only the fields of the list, only in their form. */
function allowedFields(fields: LogFields): Record<string, unknown> {
  const allowed: Record<string, unknown> = {};
  for (const [field, check] of Object.entries(FIELDS)) {
    const value = fields[field as keyof LogFields];
    if (value !== undefined && check(value)) allowed[field] = value;
  }
  return allowed;
}

/**
 * Makes the log.
 * @param write where a line goes; default standard error, written in the background
 */
export function createLog(options: {
  readonly level: 'error' | 'warn' | 'info' | 'debug' | 'silent';
  readonly write?: (line: string) => void;
}): Log {
  const { write } = options;
  const stderr = write === undefined ? pino.destination({ fd: 2, sync: false }) : undefined;
  const destination = stderr ?? { write: write as (line: string) => void };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    error: (fields) => logger.error(allowedFields(fields)),
    warn: (fields) => logger.warn(allowedFields(fields)),
    info: (fields) => logger.info(allowedFields(fields)),
    // Mostly not written, and then not looked at either.
    debug: (fields) => {
      if (logger.isLevelEnabled('debug')) logger.debug(allowedFields(fields));
    },
    flush() {
      try {
        stderr?.flushSync();
      } catch {
        // Nobody reads standard error any more, and that is no reason not to end in order.
      }
    },
  };
}
