/** What is used of the streams of COPY, which are installed only where the benchmarks run. */
declare module 'pg-copy-streams' {
  import type { Readable, Writable } from 'node:stream';
  import type { Submittable } from 'pg';

  export function from(text: string): Writable & Submittable;
  export function to(text: string): Readable & Submittable;
}
