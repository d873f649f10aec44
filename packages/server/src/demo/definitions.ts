/** Owns the keys that the demo adds to the built-in ones. */
import type { DefinitionStep } from './step.ts';

/** The definitions of the demo's own keys. */
export const definitions: readonly DefinitionStep[] = [
  {
    kind: 'definition',
    key: 'vehicle_settings',
    by: 'ada',
    comment: 'What a vehicle may do, and what it runs on',
    definition: { description: 'What a vehicle may do, and what it runs on.', baseImpact: 'high' },
    jsonSchema: {
      type: 'object',
      properties: {
        maxSpeed: { type: 'number', minimum: 0, maximum: 200, description: 'mph' },
        fuelType: { enum: ['gasoline', 'diesel', 'electric', 'hybrid'] },
        maintenanceInterval: { type: 'number', minimum: 1000, maximum: 50_000, description: 'miles' },
        warrantyExpiration: { type: 'string', format: 'date-time' },
      },
      required: ['fuelType'],
      additionalProperties: false,
    },
  },
  {
    kind: 'definition',
    key: 'route_planning',
    by: 'ada',
    comment: 'How routes are chosen',
    definition: { description: 'How routes are chosen.', baseImpact: 'medium' },
    jsonSchema: {
      type: 'object',
      properties: {
        optimizeFor: { enum: ['time', 'distance', 'fuel'], default: 'time' },
        maxDrivingHours: { type: 'number', minimum: 1, maximum: 10, description: 'hours a day' },
        breakMinutes: { type: 'integer', minimum: 15, maximum: 120, default: 45 },
        avoid: { type: 'array', items: { enum: ['ferries', 'motorways', 'unpaved'] }, uniqueItems: true },
        tolls: {
          type: 'object',
          properties: {
            allowed: { type: 'boolean' },
            maxPerDay: { type: 'number', minimum: 0 },
          },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  },
  {
    kind: 'definition',
    key: 'inspection_checklist',
    by: 'ada',
    comment: 'A list is used whole: half of it from above would be no list',
    definition: {
      description: 'What is checked before a trip. The nearest list holds as a whole.',
      baseImpact: 'medium',
      merge: 'replace',
      allowedScopes: ['global', 'org', 'team'],
    },
    jsonSchema: {
      type: 'object',
      properties: {
        beforeTrip: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
        everyDays: { type: 'integer', minimum: 1, maximum: 30 },
      },
      required: ['beforeTrip'],
      additionalProperties: false,
    },
  },
];
