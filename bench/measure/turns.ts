/** Lets those that are compared take so many turns, one after the other and in an order that changes every time: a slow second hits all of them. */
export async function takeTurns<T>(
  all: readonly T[],
  turns: number,
  take: (one: T) => Promise<void>,
): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    for (const one of turn % 2 === 0 ? all : all.toReversed()) await take(one);
  }
}
