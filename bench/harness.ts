/** Owns the measuring: contenders take turns in one run, so that whatever else the machine does meets all of them. */

/** One thing that is measured. */
export interface Contender {
  readonly name: string;
  /**
   * Does the work `operations` times, one after the other or however this contender would. What is not the time it takes is answered:
   * nanoseconds or megabytes per operation.
   */
  readonly run: (operations: number) => unknown;
  /** Runs before each of its rounds, unmeasured. */
  readonly prepare?: () => Promise<void> | void;
}

/** What a comparison is measured for: the ratio of the first of two contenders to the second. */
export interface Goal {
  /** The row of the goal list; absent where no goal asks for the ratio. */
  readonly id?: string;
  readonly subject: string;
  /** Absent for `megabytes` that are judged by themselves. */
  readonly peer?: string;
  /**
   * `rate`: operations per second, at least so many times those of the peer. `time`: at most so many times its time. `megabytes`: at
   * most so many more, or so many where there is no peer.
   */
  readonly measure: 'rate' | 'time' | 'megabytes';
  readonly must?: number;
  /** What is wanted beyond the bar; absent where the bar is all. */
  readonly stretch?: number;
}

/** How long and how often. */
export interface Effort {
  /** What is measured. Default `time`. */
  readonly unit?: Unit;
  /**
   * What tells the time. `processor` counts only the time in which this process ran: for work that waits for nothing, on a machine with
   * other work. Default `wall`.
   */
  readonly clock?: Clock;
  /** A fixed number of operations in each round, without warm-up. */
  readonly operations?: number;
  /** Measured rounds of each contender. Default 9. */
  readonly rounds?: number;
  /** How long a round should take, in milliseconds; decides its number of operations. Default 300. */
  readonly roundMs?: number;
}

/** Nanoseconds, or megabytes of memory. */
export type Unit = 'time' | 'megabytes';

export type Clock = 'wall' | 'processor';

/** A median with the range that 80 % of the rounds lie in. */
export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** What was measured of one contender. */
export interface Measured {
  readonly name: string;
  /** Per operation. */
  readonly each: Spread;
}

/** What was measured for one goal. */
export interface Verdict {
  readonly goal: Goal;
  /** In the goal's measure, from the rounds of both that ran next to each other. */
  readonly ratio: Spread;
  readonly holds: 'stretch' | 'must' | 'missed' | 'no goal';
}

/** One comparison. */
export interface Comparison {
  readonly title: string;
  readonly unit: Unit;
  readonly rounds: number;
  readonly measured: readonly Measured[];
  readonly verdicts: readonly Verdict[];
}

/** Measures contenders round by round, each round in another order, after a warm-up that also finds the length of a round. */
export async function compare(
  title: string,
  contenders: readonly Contender[],
  goals: readonly Goal[],
  { unit = 'time', clock = 'wall', operations, rounds = 9, roundMs = 300 }: Effort = {},
): Promise<Comparison> {
  const sizes = new Map<Contender, number>();
  for (const contender of contenders) sizes.set(contender, operations ?? (await calibrate(contender, clock, roundMs)));
  const results = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const contender of shuffled(contenders)) {
      await contender.prepare?.();
      results.get(contender.name)?.push(await measure(contender, clock, sizes.get(contender) ?? 1));
    }
  }
  const of = (name: string): readonly number[] => results.get(name) ?? [];
  return {
    title,
    unit,
    rounds,
    measured: contenders.map(({ name }) => ({ name, each: spreadOf(of(name)) })),
    verdicts: goals.map((goal) => judge(goal, of(goal.subject), goal.peer === undefined ? undefined : of(goal.peer))),
  };
}

/** One round: nanoseconds per operation, or what the contender measured itself. */
async function measure(contender: Contender, clock: Clock, operations: number): Promise<number> {
  const start = clocks[clock]();
  const result = await contender.run(operations);
  return typeof result === 'number' ? result : (clocks[clock]() - start) / operations;
}

/** Nanoseconds since whenever. */
const clocks: Readonly<Record<Clock, () => number>> = {
  wall: () => performance.now() * 1e6,
  processor: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1e3;
  },
};

/** Runs more and more operations until a round is long enough; the engine has compiled what it will compile by then. */
async function calibrate(contender: Contender, clock: Clock, roundMs: number): Promise<number> {
  await contender.prepare?.();
  for (let operations = 16; ; operations *= 4) {
    const each = await measure(contender, clock, operations);
    if (each * operations < (roundMs * 1e6) / 2) continue;
    return Math.max(1, Math.round((roundMs * 1e6) / (await measure(contender, clock, operations))));
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** The verdict on a goal: rounds that ran next to each other are compared, so that what slowed both cancels out. */
export function judge(goal: Goal, subject: readonly number[], peer: readonly number[] | undefined): Verdict {
  const ratio = spreadOf(
    peer === undefined
      ? subject
      : subject.map((value, round) => ratioIn(goal.measure, value, peer[round] ?? Number.NaN)),
  );
  const reaches = (bar: number): boolean => (goal.measure === 'rate' ? ratio.median >= bar : ratio.median <= bar);
  return { goal, ratio, holds: holdsOf(goal, reaches) };
}

function holdsOf({ must, stretch }: Goal, reaches: (bar: number) => boolean): Verdict['holds'] {
  if (must === undefined) return 'no goal';
  if (stretch !== undefined && reaches(stretch)) return 'stretch';
  return reaches(must) ? 'must' : 'missed';
}

function ratioIn(measure: Goal['measure'], subject: number, peer: number): number {
  if (measure === 'megabytes') return subject - peer;
  return measure === 'time' ? subject / peer : peer / subject;
}

/** The median of some numbers and the range without the lowest and the highest tenth. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? Number.NaN;
    const above = sorted[Math.ceil(place)] ?? Number.NaN;
    return below + (above - below) * (place - Math.floor(place));
  };
  return { median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

/** Runs `operations` of an asynchronous operation with so many of them under way at any time. */
export async function inParallel(
  operations: number,
  writers: number,
  operation: (writer: number) => Promise<unknown>,
): Promise<void> {
  let left = operations;
  const work = async (writer: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await operation(writer);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => work(writer)));
}
