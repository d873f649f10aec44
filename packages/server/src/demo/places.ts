/** Owns the fleets of the demo: invented organizations, their teams, and the users in them. */
import type { ScopeRef } from '@strata/service';
import type { ScopeStep } from './step.ts';

/** What holds for every fleet. */
export const everyone: ScopeRef = { scope: 'global', scopeId: '' };

const org = (scopeId: string): ScopeRef => ({ scope: 'org', scopeId });
const team = (scopeId: string): ScopeRef => ({ scope: 'team', scopeId });
const user = (scopeId: string): ScopeRef => ({ scope: 'user', scopeId });

/** The organizations, teams and users by a short name. */
export const places = {
  quillback: org('quillback-haulage'),
  quillbackNorth: team('quillback-north'),
  quillbackMountain: team('quillback-mountain'),
  quillbackWorkshop: team('quillback-workshop'),
  marmalade: org('marmalade-couriers'),
  marmaladeCity: team('marmalade-city'),
  marmaladeNight: team('marmalade-night'),
  puddleLane: org('puddle-lane-buses'),
  puddleLaneSchool: team('puddle-lane-school'),
  puddleLaneAirport: team('puddle-lane-airport'),
  ada: user('ada'),
  ben: user('ben'),
  cleo: user('cleo'),
  dev: user('dev'),
  eli: user('eli'),
  fay: user('fay'),
  gus: user('gus'),
  hana: user('hana'),
  ivo: user('ivo'),
  joy: user('joy'),
  kim: user('kim'),
} as const satisfies Record<string, ScopeRef>;

/** The registration of all places, parents first. */
export const registrations: readonly ScopeStep[] = [
  register(places.quillback, 'Quillback Haulage', []),
  register(places.quillbackNorth, 'Northern depot', [places.quillback]),
  register(places.quillbackMountain, 'Mountain routes', [places.quillback]),
  register(places.quillbackWorkshop, 'Workshop', [places.quillback]),
  register(places.marmalade, 'Marmalade Couriers', []),
  register(places.marmaladeCity, 'City vans', [places.marmalade]),
  register(places.marmaladeNight, 'Night shift', [places.marmalade]),
  register(places.puddleLane, 'Puddle Lane Buses', []),
  register(places.puddleLaneSchool, 'School buses', [places.puddleLane]),
  register(places.puddleLaneAirport, 'Airport line', [places.puddleLane]),
  register(places.ada, 'Ada, platform', []),
  register(places.ben, 'Ben, fleet manager', [places.quillback]),
  register(places.cleo, 'Cleo, driver', [places.quillbackMountain, places.quillbackNorth]),
  register(places.dev, 'Dev, mechanic', [places.quillbackWorkshop]),
  register(places.kim, 'Kim, driver', [places.quillbackNorth]),
  register(places.eli, 'Eli, operations', [places.marmalade]),
  register(places.fay, 'Fay, dispatcher', [places.marmaladeNight]),
  register(places.joy, 'Joy, courier', [places.marmaladeCity]),
  register(places.hana, 'Hana, operations', [places.puddleLane]),
  register(places.ivo, 'Ivo, driver', [places.puddleLaneAirport]),
  // Drives for two fleets; the school buses come first.
  register(places.gus, 'Gus, driver', [places.puddleLaneSchool, places.marmalade]),
];

function register(place: ScopeRef, name: string, parents: readonly ScopeRef[]): ScopeStep {
  return { kind: 'scope', ...place, name, parents, by: 'ada' };
}
