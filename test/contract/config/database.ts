/** Owns the place from which the contract takes its pool. */
import type { Pool } from 'pg';

export declare function getWritePool(): Pool;
