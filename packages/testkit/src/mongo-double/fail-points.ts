/** MongoDB's own fail points for drivers' tests: `failCommand` and `onPrimaryTransactionalWrite`. */
import type { Document } from 'bson';
import { CommandError } from './command-error.ts';
import { asNumber, truthy } from './numbers.ts';

/** What happens to a command that a fail point has met. */
export interface Failure {
  readonly closeConnection: boolean;
  readonly blockMs: number;
  readonly code: number | undefined;
  /** Given: exactly these labels; else those that the server would give. */
  readonly labels: readonly string[] | undefined;
  readonly writeConcernError: Document | undefined;
}

interface FailPoint {
  left: number;
  skip: number;
  readonly data: Document;
}

/** The fail points of a server. */
export class FailPoints {
  readonly #points = new Map<string, FailPoint>();

  /** configureFailPoint */
  configure(command: Document): Document {
    const name = String(command.configureFailPoint);
    if (name !== 'failCommand' && name !== 'onPrimaryTransactionalWrite') {
      throw new CommandError('BadValue', `the double has no fail point ${name}`);
    }
    const { mode, data = {} } = command;
    if (mode === 'off') this.#points.delete(name);
    else {
      const left = mode === 'alwaysOn' ? undefined : asNumber(mode?.times);
      this.#points.set(name, {
        left: left ?? Number.POSITIVE_INFINITY,
        skip: asNumber(mode?.skip) ?? 0,
        data,
      });
    }
    return { ok: 1 };
  }

  /** What `failCommand` does to this command, if anything. */
  onCommand(name: string, appName: string | undefined): Failure | undefined {
    const point = this.#points.get('failCommand');
    if (point === undefined) return undefined;
    const { data } = point;
    if (!(data.failCommands as string[]).includes(name)) return undefined;
    if (data.appName !== undefined && data.appName !== appName) return undefined;
    if (!this.#fires('failCommand', point)) return undefined;
    return {
      closeConnection: truthy(data.closeConnection),
      blockMs: truthy(data.blockConnection) ? (asNumber(data.blockTimeMS) ?? 0) : 0,
      code: asNumber(data.errorCode),
      labels: data.errorLabels,
      writeConcernError: data.writeConcernError,
    };
  }

  /** Asked by each retryable write: with a code it is not done, without one it is done and its answer lost. */
  onTransactionalWrite(): { code: number | undefined; cuts: boolean } | undefined {
    const point = this.#points.get('onPrimaryTransactionalWrite');
    if (point === undefined || !this.#fires('onPrimaryTransactionalWrite', point)) return undefined;
    const { failBeforeCommitExceptionCode, closeConnection = true } = point.data;
    return { code: asNumber(failBeforeCommitExceptionCode), cuts: truthy(closeConnection) };
  }

  #fires(name: string, point: FailPoint): boolean {
    if (point.skip > 0) {
      point.skip -= 1;
      return false;
    }
    point.left -= 1;
    if (point.left <= 0) this.#points.delete(name);
    return true;
  }
}
