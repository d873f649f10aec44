import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { CircuitBreaker } from './circuit-breaker.ts';

const times = { patience: 40, slow: 20, firstPause: 30, longestPause: 120 };
const good = async (): Promise<string> => 'answer';
const bad = (): Promise<string> => Promise.reject(new Error('away'));
const silent = (): Promise<string> => new Promise(() => undefined);

describe('a circuit breaker', () => {
  it('hands on answers, also empty ones', async () => {
    const breaker = new CircuitBreaker(times);
    expect(await breaker.run(good)).toBe('answer');
    expect(await breaker.run(async () => null)).toBeNull();
    expect([breaker.state, breaker.openings, breaker.errors]).toEqual(['closed', 0, 0]);
  });

  it.each([
    ['fails', bad],
    [
      'throws at once',
      (): Promise<string> => {
        throw new Error('no promise at all');
      },
    ],
    ['does not come', silent],
  ])('opens when an answer %s, and asks no more', async (_, ask) => {
    const breaker = new CircuitBreaker({ ...times, firstPause: 10_000 });
    expect(await breaker.run(ask)).toBeUndefined();
    let asked = 0;
    const counted = async (): Promise<number> => (asked += 1);
    expect(await breaker.run(counted)).toBeUndefined();
    expect([breaker.state, breaker.openings, breaker.errors, asked]).toEqual(['open', 1, 1, 0]);
  });

  it('lets all give up that wait, when the first of them has waited long enough', async () => {
    const breaker = new CircuitBreaker({ ...times, patience: 200 });
    const first = breaker.run(silent);
    await wait(120);
    const began = performance.now();
    const others = await Promise.all(Array.from({ length: 50 }, () => breaker.run(silent)));
    expect(performance.now() - began).toBeLessThan(190);
    expect([await first, ...others].every((answer) => answer === undefined)).toBe(true);
    expect([breaker.openings, breaker.errors]).toEqual([1, 1]);
  });

  it('opens after three slow answers in turn, and hands them on', async () => {
    const breaker = new CircuitBreaker({ ...times, patience: 5000 });
    const slow = async (): Promise<string> => wait(30, 'late');
    for (const state of ['closed', 'closed', 'open']) {
      expect(await breaker.run(slow)).toBe('late');
      expect(breaker.state).toBe(state);
    }
  });

  it('tries again in the background, one question at a time, and closes with its answer', async () => {
    const breaker = new CircuitBreaker(times, () => 0);
    await breaker.run(bad);
    await wait(20);
    let answer: (() => void) | undefined;
    let asked = 0;
    const probe = (): Promise<string> => {
      asked += 1;
      return new Promise((resolve) => (answer = () => resolve('back')));
    };
    // Nobody waits for it.
    expect(await Promise.all([breaker.run(probe), breaker.run(probe), breaker.run(probe)])).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([breaker.state, asked]).toEqual(['half-open', 1]);
    answer?.();
    await vi.waitFor(() => expect(breaker.state).toBe('closed'));
    expect(await breaker.run(good)).toBe('answer');
    expect(breaker.openings).toBe(1);
  });

  it('leaves more time between tries the more of them are in vain', async () => {
    const breaker = new CircuitBreaker(times, () => 0);
    const tries: number[] = [];
    await breaker.run(bad);
    const began = performance.now();
    while (performance.now() - began < 400) {
      await breaker.run(() => {
        tries.push(performance.now() - began);
        return bad();
      });
      await wait(1);
    }
    // Pauses of 15, 30, 60, 60 … milliseconds.
    expect(tries.length).toBeGreaterThan(1);
    expect(tries.length).toBeLessThanOrEqual(9);
  });

  it('does not blame an answer for a process that was busy', async () => {
    const breaker = new CircuitBreaker(times);
    const answer = breaker.run(
      () => new Promise<string>((resolve) => setTimeout(() => setImmediate(resolve, 'there'), 1)),
    );
    const began = performance.now();
    while (performance.now() - began < 80);
    expect(await answer).toBe('there');
    expect(breaker.state).toBe('closed');
  });
});
