/**
 * What is held against each other takes turns, forth and back, since a virtual machine's speed swings
 * by a fifth from one second to the next. Answers what each turn came to; the first of each, with
 * round 0, only warms up.
 */
export async function takeTurns<Results extends unknown[]>(
  rounds: number,
  ...turns: { [I in keyof Results]: (round: number) => Promise<Results[I]> }
): Promise<{ [I in keyof Results]: Results[I][] }> {
  const all = turns.map((turn) => ({ turn, results: [] as unknown[] }));
  for (let round = 0; round <= rounds; round++) {
    for (const { turn, results } of round % 2 === 0 ? all : all.toReversed()) {
      const result = await turn(round);
      if (round > 0) results.push(result);
    }
  }
  return all.map(({ results }) => results) as { [I in keyof Results]: Results[I][] };
}
