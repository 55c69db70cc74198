/** An installation with two people of one tenant whose devices the test speaks for itself, and a stranger of another tenant. */
import { type KnownDevice, World } from '../fuzz/world.ts';

/** @see the head of this file */
export interface OpenWorld {
  readonly world: World;
  readonly a: KnownDevice;
  readonly b: KnownDevice;
  readonly stranger: KnownDevice;
}

/** Starts one; the caller disposes of its world. */
export async function openWorld(): Promise<OpenWorld> {
  const world = await World.start();
  const a = await world.device();
  const b = await world.device();
  const stranger = await world.device(await world.installation.tenant('Other'));
  return { world, a, b, stranger };
}
