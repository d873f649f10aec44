/** Owns the demo as a whole: its steps, in the order in which they happened. */
import { definitions } from './definitions.ts';
import { joining } from './joining.ts';
import { registrations } from './places.ts';
import { running } from './running.ts';
import type { DemoStep } from './step.ts';

/** The whole demo, in the order in which it happened. */
export const story: readonly DemoStep[] = [...registrations, ...definitions, ...joining, ...running];
