/** What is stored of erasures: those whose last steps are still to be done. */
import { idSchema } from '@kuvert/protocol';
import { z } from 'zod';
import { collection } from '../../store/index.ts';

/** A person who is gone, with what is left to clean up. */
export const unfinishedErasures = collection('unfinished-erasures', {
  document: z.object({
    personId: idSchema('person'),
    /** Devices that ended with them. */
    devices: z.array(idSchema('device')).max(100),
  }),
  key: ['personId'],
});
