/** Owns how a record of the service looks after its way over HTTP. */

/** `T` as JSON has it: dates are ISO 8601 texts in UTC, everything else is unchanged. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer Item)[]
    ? readonly Wire<Item>[]
    : T extends object
      ? { readonly [Name in keyof T]: Wire<T[Name]> }
      : T;
