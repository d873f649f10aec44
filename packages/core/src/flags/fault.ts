/** Owns what ends an evaluation before its result: a definition that cannot be followed to the end. */
import type { FlagErrorCode } from './flag.ts';

/** Thrown inside an evaluation, never out of it. */
export class FlagFault extends Error {
  override readonly name = 'FlagFault';
  readonly code: FlagErrorCode;

  constructor(code: FlagErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
