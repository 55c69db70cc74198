/** The commands that the double speaks. */
import type { Document } from 'bson';
import { CommandError } from './command-error.ts';
import * as admin from './commands-admin.ts';
import { bulkWrite } from './commands-bulk.ts';
import * as collections from './commands-collections.ts';
import * as reading from './commands-read.ts';
import * as writing from './commands-write.ts';
import type { Operation } from './operation.ts';

/** One command. */
export interface Command {
  readonly run: (operation: Operation) => Document | Promise<Document>;
  /** Only the primary runs it. */
  readonly writes: boolean;
  /** Any member answers it, whoever asks. */
  readonly anywhere: boolean;
  /** It may be part of a transaction of several documents. */
  readonly inTransaction: boolean;
}

type Run = Command['run'];

const reads = (run: Run, inTransaction = false): Command => ({
  run,
  writes: false,
  anywhere: false,
  inTransaction,
});
const writes = (run: Run, inTransaction = false): Command => ({
  run,
  writes: true,
  anywhere: false,
  inTransaction,
});
const anywhere = (run: Run): Command => ({ run, writes: false, anywhere: true, inTransaction: false });

const fine = (): Document => ({ ok: 1 });

/** All commands by name; `hello` is answered by the connection itself. */
export const COMMANDS: Readonly<Record<string, Command | undefined>> = {
  insert: writes(writing.insert, true),
  update: writes(writing.update, true),
  delete: writes(writing.remove, true),
  bulkWrite: writes(bulkWrite, true),
  findAndModify: writes(writing.findAndModify, true),
  findandmodify: writes(writing.findAndModify, true),
  find: reads(reading.find, true),
  getMore: reads(reading.getMore, true),
  killCursors: { ...reads(reading.killCursors, true), anywhere: true },
  aggregate: reads(reading.aggregate, true),
  count: reads(reading.count),
  distinct: reads(reading.distinct, true),
  explain: reads(reading.explain),
  create: writes(collections.create, true),
  collMod: writes(collections.collMod),
  drop: writes(collections.drop),
  dropDatabase: writes(collections.dropDatabase),
  createIndexes: writes(collections.createIndexes, true),
  dropIndexes: writes(collections.dropIndexes),
  listIndexes: reads(collections.listIndexes),
  listCollections: reads(collections.listCollections),
  listDatabases: reads(collections.listDatabases),
  collStats: reads(collections.collStats),
  dbStats: reads(collections.dbStats),
  commitTransaction: writes(admin.commitTransaction, true),
  abortTransaction: writes(admin.abortTransaction, true),
  ping: anywhere(fine),
  buildInfo: anywhere(admin.buildInfo),
  buildinfo: anywhere(admin.buildInfo),
  serverStatus: anywhere(admin.serverStatus),
  getParameter: anywhere(admin.getParameter),
  setParameter: anywhere(fine),
  getDefaultRWConcern: anywhere(admin.defaultConcerns),
  replSetGetStatus: anywhere(admin.replicaSetStatus),
  replSetGetConfig: anywhere(admin.replicaSetStatus),
  replSetInitiate: anywhere(() => {
    throw new CommandError('AlreadyInitialized', 'already initialized');
  }),
  replSetStepDown: anywhere(admin.stepDown),
  connectionStatus: anywhere(admin.connectionStatus),
  hostInfo: anywhere(fine),
  logout: anywhere(fine),
  endSessions: anywhere(admin.endSessions),
  refreshSessions: anywhere(fine),
  startSession: anywhere(fine),
  killSessions: anywhere(admin.killSessions),
  killAllSessions: anywhere(admin.killSessions),
  configureFailPoint: anywhere(({ engine, command }) => engine.failPoints.configure(command)),
  mongoDouble: anywhere(({ engine, command }) => engine.faults.command(command)),
};
