import { expect, it } from 'vitest';
import { closestName } from './closest.ts';

it.each<[string, readonly string[], string | undefined]>([
  ['maxSped', ['minSpeed', 'maxSpeed'], 'maxSpeed'],
  ['primaryColour', ['secondaryColor', 'primaryColor'], 'primaryColor'],
  ['PRIMARYCOLOR', ['primaryColor'], 'primaryColor'],
  ['abc', ['xyz'], undefined],
  ['ab', ['ac'], undefined],
  ['toString', [], undefined],
  ['colour', ['maxSpeed', 'fuelType'], undefined],
  ['maintenanceDew', ['maintenanceDue', 'maintenanceDews'], 'maintenanceDews'],
])('%s among %j means %s', (name, candidates, meant) => {
  expect(closestName(name, candidates)).toBe(meant);
});
