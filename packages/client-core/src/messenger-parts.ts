/** The parts of a messenger, put together once: who is told by whom stands here and nowhere else. */
import { Attachments } from './attachments/attachments.ts';
import type { AttachmentPorts } from './attachments/ports.ts';
import type { Context } from './context.ts';
import { ChangeBoard } from './conversations/changes.ts';
import { Conversations } from './conversations/conversations.ts';
import { Disappearing } from './conversations/disappearing.ts';
import { ownStateBatch } from './conversations/own-state.ts';
import { withStandingNotices } from './conversations/standing-notices.ts';
import type { DelayedBatch } from './delayed-batch.ts';
import { Directory } from './directory.ts';
import { Errands } from './errands.ts';
import { GroupChanges } from './groups/changing.ts';
import { Groups } from './groups/groups.ts';
import { GroupLogs } from './groups/log-sync.ts';
import { GroupSending } from './groups/sending.ts';
import { HistoryTransfer } from './history-transfer/history-transfer.ts';
import { HourlyUpkeep } from './hourly-upkeep.ts';
import { MessagesAhead } from './messages-ahead.ts';
import { Nameless } from './nameless.ts';
import { OperationQueue } from './operation-queue.ts';
import type { OwnDevice } from './own-device.ts';
import { OwnDevices } from './own-devices.ts';
import type { Clock, Connection, Random } from './ports.ts';
import { PrekeyUpkeep } from './prekey-upkeep.ts';
import { ProgressBoard } from './progress.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { ServerTime } from './server-time.ts';
import type { Store } from './store.ts';
import { Activity } from './ticks/activity.ts';
import { NO_POLICY, type PolicyPort } from './ticks/policy.ts';
import { receiptBatch } from './ticks/receipts.ts';
import { Safety } from './trust/safety.ts';

/** What a messenger is made of. */
export interface MessengerOptions {
  readonly own: OwnDevice;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly policy?: PolicyPort;
  /** @see Context.onReplay */
  readonly onReplay?: NonNullable<Context['onReplay']>;
  /** Left out where no files are sent or fetched. */
  readonly files?: AttachmentPorts;
}

/** What the parts ask of the connection and tell it. */
export interface ConnectionHooks {
  readonly connection: () => Connection | undefined;
  /** New messages are there to be shown. */
  readonly onStored: () => void;
  /** @see Context.changed */
  readonly changed: () => void;
  /** @see Context.failed */
  readonly failed: (cause: unknown) => void;
}

/** @see createParts */
export interface MessengerParts {
  readonly context: Context;
  readonly directory: Directory;
  readonly errands: Errands;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly prekeys: PrekeyUpkeep;
  readonly upkeep: HourlyUpkeep;
  readonly nameless: Nameless;
  readonly receipts: DelayedBatch;
  readonly ownState: DelayedBatch;
  readonly disappearing: Disappearing;
  readonly groupLogs: GroupLogs;
  readonly groupSending: GroupSending;
  readonly groups: Groups;
  readonly devices: OwnDevices;
  readonly conversations: Conversations;
  readonly historyTransfer: HistoryTransfer;
  readonly attachments: Attachments;
  readonly activity: Activity;
  readonly safety: Safety;
}

/** @see the top of this file */
export function createParts(options: MessengerOptions, hooks: ConnectionHooks): MessengerParts {
  const changes = new ChangeBoard();
  const context: Context = {
    policy: NO_POLICY,
    ...options,
    store: withStandingNotices(options.store, options.own, changes),
    changes,
    progress: new ProgressBoard(),
    operations: new OperationQueue(),
    serverOffset: new ServerTime(options.clock, options.store.values),
    receiptsDue: () => receipts.due(),
    ownStateDue: () => ownState.due(),
    historyDue: () => historyTransfer.work(),
    senderKeyWanted: (groupId, personId) =>
      void context.operations
        .run(() => groupSending.handOutAgain(groupId, personId))
        .then(onOutgoing, (cause: unknown) => hooks.failed(cause)),
    historyMissed: () => queueMicrotask(() => historyTransfer.askForMissed()),
    timersStarted: () => queueMicrotask(() => disappearing.look()),
    entryGone: (row, as) => attachments.entryGone(row, as),
    changed: hooks.changed,
    failed: hooks.failed,
  };
  const onOutgoing = (): void => sender.kick();
  const ports = { connection: hooks.connection, onOutgoing };

  const directory = new Directory(context);
  const errands = new Errands(context, ports);
  const nameless = new Nameless(context, directory, errands);
  const groupLogs = new GroupLogs(context, directory, (groupId) => nameless.learnMembers(groupId));
  const groupParts = {
    directory,
    logs: groupLogs,
    changes: new GroupChanges(context, directory, groupLogs),
  };
  const groupSending = new GroupSending(context, groupParts);
  const groups = new Groups(context, groupParts, ports);
  const sender = new Sender(context, directory, groupSending);
  const activity = new Activity(context);
  const receiver = new Receiver(context, directory, {
    onStored: () => {
      nameless.learn();
      hooks.onStored();
    },
    onOutgoing,
    onHeard: (...heard) => activity.heard(...heard),
    logs: groupLogs,
  });
  const prekeys = new PrekeyUpkeep(context);
  const upkeep = new HourlyUpkeep(context, { directory, prekeys, errands, onOutgoing });
  const conversations = new Conversations(context, onOutgoing);
  const ownState = ownStateBatch(context, onOutgoing);
  const historyTransfer = new HistoryTransfer(context, onOutgoing);
  const ahead = new MessagesAhead(context, (lane) => sender.isOpen(lane));
  const attachments = new Attachments(context, options.files, { ...ports, ahead });
  const disappearing = new Disappearing(context);
  const safety = new Safety(context, directory, {
    connection: hooks.connection,
    released: (personId) => sender.release(personId),
  });
  const receipts = receiptBatch(context, onOutgoing);
  const devices = new OwnDevices(context, directory, ports);
  return {
    context,
    directory,
    errands,
    sender,
    receiver,
    prekeys,
    upkeep,
    nameless,
    receipts,
    ownState,
    disappearing,
    groupLogs,
    groupSending,
    groups,
    devices,
    conversations,
    historyTransfer,
    attachments,
    activity,
    safety,
  };
}
