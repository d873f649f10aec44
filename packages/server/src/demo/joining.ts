/** Owns the beginning of the demo: the standard for all, and how the fleets joined. */
import { everyone, places } from './places.ts';
import type { DemoStep } from './step.ts';

/** How the three fleets came to the store. */
export const joining: readonly DemoStep[] = [
  {
    kind: 'commit',
    by: 'ada',
    comment: 'Company standard for all fleets',
    changes: [
      {
        key: 'branding',
        at: everyone,
        value: {
          companyName: 'Fleet Console',
          logo: 'https://cdn.example.com/fleet-console/logo.svg',
          primaryColor: '#1F4E79',
          secondaryColor: '#F2B705',
        },
      },
      { key: 'pm_intervals', at: everyone, value: { lightDuty: 5000, mediumDuty: 10_000, heavyDuty: 25_000 } },
      {
        key: 'approval_thresholds',
        at: everyone,
        value: { maintenanceApproval: 5000, procurementApproval: 10_000, budgetVariance: 10 },
      },
      {
        key: 'email_notifications',
        at: everyone,
        value: {
          maintenanceDue: true,
          inspectionDue: false,
          documentExpiring: false,
          workOrderAssigned: true,
          dailyDigest: false,
        },
      },
      {
        key: 'system_settings',
        at: everyone,
        value: {
          maintenanceMode: false,
          allowSelfRegistration: false,
          sessionTimeout: 60,
          maxLoginAttempts: 5,
          timezone: 'UTC',
          locale: 'en',
        },
      },
    ],
  },
  {
    kind: 'commit',
    by: 'ada',
    comment: 'Vehicle, route and inspection rules that every fleet starts from',
    changes: [
      {
        key: 'vehicle_settings',
        at: everyone,
        value: { maxSpeed: 70, fuelType: 'diesel', maintenanceInterval: 10_000 },
      },
      {
        key: 'route_planning',
        at: everyone,
        value: {
          optimizeFor: 'fuel',
          maxDrivingHours: 9,
          avoid: ['unpaved'],
          tolls: { allowed: true, maxPerDay: 50 },
        },
      },
      { key: 'inspection_checklist', at: everyone, value: { beforeTrip: ['brakes', 'lights', 'tyres'], everyDays: 1 } },
    ],
  },
  {
    kind: 'lock',
    key: 'route_planning',
    at: everyone,
    path: 'maxDrivingHours',
    by: 'ada',
    comment: 'Driving hours are law: no fleet sets its own',
  },
  {
    kind: 'tag',
    tag: 'release-2026.1',
    layers: ['pm_intervals', 'email_notifications', 'vehicle_settings', 'route_planning'].map((key) => ({
      key,
      at: everyone,
    })),
    by: 'ada',
    comment: 'What all fleets start from',
  },
  {
    kind: 'commit',
    by: 'ben',
    comment: 'Quillback joins: long motorway runs, a workshop of its own',
    changes: [
      {
        key: 'branding',
        at: places.quillback,
        value: { companyName: 'Quillback Haulage', primaryColor: '#2E5E4E', tagline: 'Over the hills by morning' },
      },
      { key: 'pm_intervals', at: places.quillback, value: { heavyDuty: 30_000 } },
      {
        key: 'approval_thresholds',
        at: places.quillback,
        value: { maintenanceApproval: 12_000, procurementApproval: 40_000 },
      },
      { key: 'email_notifications', at: places.quillback, value: { documentExpiring: true } },
      { key: 'route_planning', at: places.quillback, value: { tolls: { maxPerDay: 120 } } },
    ],
  },
  {
    kind: 'commit',
    by: 'eli',
    comment: 'Marmalade joins: electric vans in town, no toll roads at all',
    changes: [
      {
        key: 'branding',
        at: places.marmalade,
        value: { companyName: 'Marmalade Couriers', primaryColor: '#D9730D', secondaryColor: '#3B2A1A' },
      },
      { key: 'pm_intervals', at: places.marmalade, value: { lightDuty: 7500 } },
      { key: 'approval_thresholds', at: places.marmalade, value: { budgetVariance: 5 } },
      { key: 'vehicle_settings', at: places.marmalade, value: { fuelType: 'electric', maxSpeed: 60 } },
      { key: 'route_planning', at: places.marmalade, value: { optimizeFor: 'time', tolls: { $unset: true } } },
      {
        key: 'inspection_checklist',
        at: places.marmalade,
        value: { beforeTrip: ['battery', 'brakes', 'lights', 'parcel straps'] },
      },
    ],
  },
  {
    kind: 'commit',
    by: 'hana',
    comment: 'Puddle Lane joins: town buses in the livery of the contract',
    changes: [
      {
        key: 'branding',
        at: places.puddleLane,
        value: { companyName: 'Puddle Lane Buses', primaryColor: '#F4C20D', secondaryColor: '#222222' },
      },
      { key: 'pm_intervals', at: places.puddleLane, value: { mediumDuty: 7000, heavyDuty: 15_000 } },
      { key: 'approval_thresholds', at: places.puddleLane, value: { maintenanceApproval: 2500 } },
      { key: 'vehicle_settings', at: places.puddleLane, value: { fuelType: 'hybrid', maxSpeed: 50 } },
    ],
  },
  {
    kind: 'lock',
    key: 'branding',
    at: places.puddleLane,
    path: 'primaryColor',
    by: 'hana',
    comment: 'The contract with the town fixes the livery',
  },
];
