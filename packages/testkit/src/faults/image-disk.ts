/**
 * A disk whose power can be cut: ext4 in an image file, mounted over a loop device. What a program has only written is in the memory of
 * the mounted file system; what it has fsynced is in the image. A copy of the image, taken while the programs on it stand still, is
 * therefore what a real disk would hold after the power failed at that moment (facts: power loss).
 */
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A mounted image. Needs root on Linux. */
export class ImageDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #image: string;
  readonly #next: string;
  #loopDevice = '';

  private constructor(folder: string) {
    this.path = join(folder, 'mounted');
    this.#image = join(folder, 'disk.img');
    this.#next = join(folder, 'disk-after-the-cut.img');
  }

  /** Makes a disk in a folder of its own. @param sizeBytes sparse: it takes what is written */
  static async create(folder: string, sizeBytes: number): Promise<ImageDisk> {
    const disk = new ImageDisk(folder);
    mkdirSync(disk.path, { recursive: true });
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, sizeBytes);
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=0,nodiscard', disk.#image]);
    await disk.#mount();
    return disk;
  }

  /** A path on it. */
  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Leaves `leaveBytes` free until {@link ImageDisk.clear}. */
  async fill(leaveBytes: number): Promise<void> {
    const excess = this.freeBytes - leaveBytes;
    if (excess > 0) await run('fallocate', ['-l', String(excess), this.at('ballast')]).catch(() => undefined);
  }

  clear(): void {
    rmSync(this.at('ballast'), { force: true });
  }

  /** Brings everything that was written to the disk, asked for or not. */
  async sync(): Promise<void> {
    await run('sync', ['-f', this.path]);
  }

  /**
   * Keeps what the disk would hold if the power failed now. Call it while every program on the disk stands still; one that the kernel
   * wrote to meanwhile is copied again, since no moment has two states.
   */
  async copy(): Promise<void> {
    for (;;) {
      const before = this.#writes();
      await run('cp', ['--sparse=always', this.#image, this.#next]);
      if (this.#writes() === before) return;
    }
  }

  /** Puts the copy in the place of the disk. Call it when every program on it has ended. */
  async becomeCopy(): Promise<void> {
    await this.unmount();
    renameSync(this.#next, this.#image);
    await this.#mount();
    // Deleting it had perhaps not reached the disk.
    this.clear();
  }

  /** The programs on it have ended. */
  async unmount(): Promise<void> {
    // Lazily where a program that was just killed is still giving its files back.
    await run('umount', [this.path]).catch(() => run('umount', ['-l', this.path]));
  }

  /** Writes of the loop device that have begun or ended. */
  #writes(): string {
    const fields = readFileSync(join('/sys/block', this.#loopDevice, 'stat'), 'utf8')
      .trim()
      .split(/\s+/);
    return `${fields[4]} ${fields[6]} ${fields[8]}`;
  }

  /** The journal commits when a program asks for it and not by time, so that a cut takes as much as it may. */
  async #mount(): Promise<void> {
    await run('mount', ['-o', 'loop,commit=300,noatime', this.#image, this.path]);
    const { stdout } = await run('findmnt', ['-n', '-o', 'SOURCE', this.path]);
    this.#loopDevice = basename(stdout.trim());
  }
}

/** Whether this process may make such disks. @param folder an empty one of its own */
export async function canMakeImageDisks(folder: string): Promise<boolean> {
  try {
    const disk = await ImageDisk.create(folder, 8 * 1024 * 1024);
    await disk.unmount();
    return true;
  } catch {
    return false;
  }
}
