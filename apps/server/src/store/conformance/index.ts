/** The suite that every engine is put through. It works at the store's port, so sealing, cursors and transactions are in it. */
import { describe } from 'vitest';
import { describeConcurrency } from './concurrency.ts';
import type { EngineUnderTest } from './fixture.ts';
import { describeIsolation } from './isolation.ts';
import { describeMigrations } from './migrations.ts';
import { describeModel } from './model.ts';
import { describeQueries } from './queries.ts';
import { describeRotation } from './rotation.ts';

/**
 * Describes the suite for one engine. The engine's own test file calls it and adds what only that engine has (crashes, full
 * disks, damaged files).
 *
 * @param engine.open opens the engine for an empty folder, which it may use or not.
 */
export function describeStoreConformance(name: string, engine: EngineUnderTest): void {
  describe(`${name} conforms`, () => {
    describeQueries(engine);
    describeIsolation(engine);
    describeConcurrency(engine);
    describeRotation(engine);
    describeModel(engine);
    describeMigrations(engine);
  });
}
