import { describeStoreConformance } from '../conformance/index.ts';
import { openSqliteEngine } from './engine.ts';

describeStoreConformance('engine-sqlite', { open: openSqliteEngine });
