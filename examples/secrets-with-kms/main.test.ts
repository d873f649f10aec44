/** Owns the proof that the example of secrets with a key management service does what it says. */
import { expect, it } from 'vitest';
import { run } from './main.ts';

it('keeps its keys in a key service, which notes their use, replaces them and takes them away', async () => {
  expect(await run()).toEqual([
    'Read back: {"stripe":"sk_live_example"}',
    'In the database: {"$sealed":"1.…"}',
    'The key service noted: wrap root with payments/1, unwrap root with payments/1, wrap values with payments/1, unwrap values with payments/1',
    'After a rotation payments/2 wraps all 2 data keys, and payments/1 wraps 0.',
    'Without payments/1, a new process reads {"stripe":"sk_live_example"}',
    'Without payments/2: The key provider failed to unwrap a data key: Error. Nothing is lost; try again when it answers.',
    'The key service noted: 1 key was asked for in vain.',
  ]);
});
