/** Owns what every evaluator is given: flags of three kinds, 10,000 contexts, and the order in which they meet. */

/** What a flag does: a switch; a part of the units; three conditions and a part of the units. */
export type Kind = 'on/off' | 'percentage' | 'conditions';
export const kinds: readonly Kind[] = ['on/off', 'percentage', 'conditions'];

export const flagCount = 100;
export const countries = ['DE', 'FR', 'PL'];
export const tier = 'gold';
export const minimumAge = 30;

/** The names of the flags; every second switch is on. */
export const names = Array.from({ length: flagCount }, (_, n) => `feature-${String(n)}`);
export const isOn = (flag: number): boolean => flag % 2 === 0;

/** The part of the units that a flag takes, in percent: from 5 to 95, by 10. */
export const percentageOf = (flag: number): number => 5 + (flag % 10) * 10;

/** One whom a flag is evaluated for. Half of all have each of the three. */
export interface Person {
  readonly id: string;
  readonly country: string;
  readonly tier: string;
  readonly age: number;
}

export const people: readonly Person[] = Array.from({ length: 10_000 }, (_, n) => ({
  id: `user-${String(n)}`,
  country: ['DE', 'FR', 'PL', 'ES', 'IT', 'NL'][n % 6] ?? '',
  tier: n % 4 < 2 ? tier : 'basic',
  age: n % 10 < 5 ? 20 + (n % 5) : 40 + (n % 5),
}));

/** The flags in the order in which they are asked for: the first one twice, so that in time each of them meets every context. */
export const asked: readonly string[] = [...names, names[0] ?? ''];

/** Visits every context, in no order that a cache of the processor could guess. */
export const stride = 7919;

/** One way of evaluating the flags of one kind. */
export interface Evaluator {
  readonly name: string;
  /** Asks for the details of so many evaluations, and answers how many were on. Each has a loop of its own, so that no other one slows it. */
  readonly run: (operations: number) => number | Promise<number>;
  readonly close?: () => void;
}
