/** The table of all methods of the device channel, from which dispatch, clients and the isolation test are made. */
import { attachmentsCreate, attachmentsFinish, attachmentsOpen, attachmentsRemove } from './attachments.ts';
import { devicesList, devicesOwner, devicesPublish, linkingFetch } from './devices.ts';
import { enrolmentFinish, enrolmentOpen } from './enrolment.ts';
import { groupsChange, groupsDevices, groupsList, groupsLog } from './groups.ts';
import { peopleFind, peopleGet, peopleList } from './people.ts';
import { prekeysCount, prekeysTake, prekeysUpload } from './prekeys.ts';

/** Every method by name. */
export const METHODS = {
  [enrolmentOpen.name]: enrolmentOpen,
  [enrolmentFinish.name]: enrolmentFinish,
  [peopleList.name]: peopleList,
  [peopleFind.name]: peopleFind,
  [peopleGet.name]: peopleGet,
  [devicesList.name]: devicesList,
  [devicesOwner.name]: devicesOwner,
  [devicesPublish.name]: devicesPublish,
  [linkingFetch.name]: linkingFetch,
  [prekeysTake.name]: prekeysTake,
  [prekeysUpload.name]: prekeysUpload,
  [prekeysCount.name]: prekeysCount,
  [attachmentsCreate.name]: attachmentsCreate,
  [attachmentsFinish.name]: attachmentsFinish,
  [attachmentsOpen.name]: attachmentsOpen,
  [attachmentsRemove.name]: attachmentsRemove,
  [groupsChange.name]: groupsChange,
  [groupsLog.name]: groupsLog,
  [groupsList.name]: groupsList,
  [groupsDevices.name]: groupsDevices,
} as const;

export type Methods = typeof METHODS;
export type MethodName = keyof Methods;
