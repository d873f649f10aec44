/** Owns the rest of the demo: what the fleets changed once they ran, what went wrong, and what came of it. */
import { everyone, places } from './places.ts';
import type { DemoStep } from './step.ts';

/** What happened once the fleets ran. It ends with a change of values: who finds that one has seen it all. */
export const running: readonly DemoStep[] = [
  {
    kind: 'commit',
    by: 'ben',
    comment: 'Steep roads: brakes wear faster, and ferries do not run in winter',
    changes: [
      { key: 'pm_intervals', at: places.quillbackMountain, value: { mediumDuty: 8000, heavyDuty: 15_000 } },
      { key: 'route_planning', at: places.quillbackMountain, value: { avoid: ['ferries', 'unpaved'] } },
      { key: 'email_notifications', at: places.quillbackMountain, value: { workOrderAssigned: false } },
    ],
  },
  {
    kind: 'commit',
    by: 'dev',
    comment: 'Snow chains belong on the list of the mountain routes',
    changes: [
      {
        key: 'inspection_checklist',
        at: places.quillbackMountain,
        value: { beforeTrip: ['brakes', 'lights', 'snow chains', 'tyres'], everyDays: 1 },
      },
    ],
  },
  {
    kind: 'commit',
    by: 'ivo',
    comment: 'Airport buses use the motorway',
    changes: [{ key: 'vehicle_settings', at: places.puddleLaneAirport, value: { maxSpeed: 60 } }],
  },
  {
    kind: 'commit',
    by: 'fay',
    comment: 'A trial: one mail a day for the night shift',
    changes: [{ key: 'email_notifications', at: places.marmaladeNight, value: { dailyDigest: true } }],
  },
  {
    kind: 'commit',
    by: 'cleo',
    comment: 'I read my mail once a day, and I know the short cuts',
    changes: [
      { key: 'email_notifications', at: places.cleo, value: { dailyDigest: true } },
      { key: 'route_planning', at: places.cleo, value: { optimizeFor: 'distance' } },
    ],
  },
  {
    kind: 'commit',
    by: 'ben',
    comment: 'Fewer stops in the workshop during the peak season',
    changes: [{ key: 'pm_intervals', at: places.quillback, value: { heavyDuty: 60_000 } }],
  },
  {
    kind: 'commit',
    by: 'ada',
    comment: 'Every fleet hears of inspections in time',
    changes: [
      {
        key: 'email_notifications',
        at: everyone,
        value: {
          maintenanceDue: true,
          inspectionDue: true,
          documentExpiring: false,
          workOrderAssigned: true,
          dailyDigest: false,
        },
      },
    ],
  },
  {
    kind: 'rollback',
    key: 'pm_intervals',
    at: places.quillback,
    by: 'dev',
    comment: 'Three gearboxes failed in two weeks: back to the interval that we tested',
  },
  {
    kind: 'commit',
    by: 'dev',
    comment: 'The loan van of Cleo has a worn clutch',
    changes: [{ key: 'pm_intervals', at: places.cleo, value: { lightDuty: 4000 } }],
  },
  {
    kind: 'commit',
    by: 'eli',
    comment: 'The trial is over: nobody read the digest',
    changes: [{ key: 'email_notifications', at: places.marmaladeNight }],
  },
  {
    kind: 'commit',
    by: 'ben',
    comment: 'Kim tows the low loader this month',
    changes: [{ key: 'vehicle_settings', at: places.kim, value: { maxSpeed: 45 } }],
  },
  {
    kind: 'tag',
    tag: 'release-2026.2',
    layers: [
      { key: 'email_notifications', at: everyone },
      { key: 'vehicle_settings', at: everyone },
      { key: 'pm_intervals', at: places.quillback },
      { key: 'route_planning', at: places.quillbackMountain },
    ],
    by: 'ada',
    comment: 'What the fleets run on in their second season',
  },
  {
    kind: 'commit',
    by: 'eli',
    comment: 'Dark screens for the night shift, a little lighter for Fay',
    changes: [
      { key: 'branding', at: places.marmaladeNight, value: { primaryColor: '#14213D', secondaryColor: '#0B0F19' } },
      { key: 'branding', at: places.fay, value: { secondaryColor: '#2B3348' } },
    ],
  },
];
