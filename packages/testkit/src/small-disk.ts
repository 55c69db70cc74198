/**
 * A disk of a few MiB that a test can fill, empty and make read-only: a tmpfs of its own. Needs root on Linux; whoever uses it skips
 * where {@link canMount} says no.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A mounted disk. */
export class SmallDisk implements Disposable {
  readonly path: string;

  /** @param sizeBytes its size, rounded up to whole pages */
  constructor(sizeBytes: number) {
    this.path = mkdtempSync(join(tmpdir(), 'kuvert-disk-'));
    const options = `size=${sizeBytes},mode=0700`;
    const { status, stderr } = run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', this.path]);
    if (status === 0) return;
    rmSync(this.path, { recursive: true });
    throw new Error(`mount: ${stderr}`);
  }

  /** A path on it. */
  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Leaves `leaveBytes` free. */
  fill(leaveBytes = 0): void {
    mkdirSync(this.at('ballast'), { recursive: true });
    const excess = this.freeBytes - leaveBytes;
    if (excess > 0)
      writeFileSync(this.at('ballast', String(Math.random())), Buffer.alloc(excess - (excess % 4096)));
  }

  /** Takes away what {@link fill} wrote. */
  clear(): void {
    rmSync(this.at('ballast'), { recursive: true, force: true });
  }

  setReadOnly(readOnly: boolean): void {
    run('mount', ['-o', `remount,${readOnly ? 'ro' : 'rw'}`, this.path]);
  }

  [Symbol.dispose](): void {
    // Lazily, because a process that was just killed may still be giving its files back.
    run('umount', ['-l', this.path]);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Whether this process may mount. */
export function canMount(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  try {
    new SmallDisk(65_536)[Symbol.dispose]();
    return true;
  } catch {
    return false;
  }
}

/** Runs a program as another user of this machine without any rights. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] as const;

/** Whether {@link AS_NOBODY} works here and that user can read the project. */
export function canBeNobody(readable: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const [command, ...args] = AS_NOBODY;
  return run(command, [...args, process.execPath, '--check', readable]).status === 0;
}

function run(command: string, args: readonly string[]) {
  return spawnSync(command, [...args], { encoding: 'utf8' });
}
