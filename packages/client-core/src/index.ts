/** The messenger as a state machine without I/O: whoever hosts it brings store, connection, clock and randomness. */
export type * from './types.ts';
