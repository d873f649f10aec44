/** Owns reading the language-neutral tables of cases in `spec/`. */
import { readFileSync } from 'node:fs';

/** The table `spec/<name>.json`; its shape is written at its head. */
export function readSpec<Table>(name: string): Table {
  return JSON.parse(readFileSync(new URL(`../spec/${name}.json`, import.meta.url), 'utf8')) as Table;
}
