/** Owns the built-in definitions: the keys that every store knows from the start. */
import { z } from 'zod';
import type { Definition } from '../definition.ts';
import { describeZod } from './describe-zod.ts';

/** The look of an organization: `branding`. */
export interface Branding {
  /** An http or https URL. */
  readonly logo?: string | undefined;
  /** `#RRGGBB`. */
  readonly primaryColor?: string | undefined;
  /** `#RRGGBB`. */
  readonly secondaryColor?: string | undefined;
  readonly companyName?: string | undefined;
  readonly tagline?: string | undefined;
}

/** The distances between preventive maintenances: `pm_intervals`. Each from 1,000 to 100,000. */
export interface PmIntervals {
  readonly lightDuty?: number | undefined;
  readonly mediumDuty?: number | undefined;
  readonly heavyDuty?: number | undefined;
}

/** From which amount on something needs approval: `approval_thresholds`. */
export interface ApprovalThresholds {
  /** An amount, 0 or more. */
  readonly maintenanceApproval?: number | undefined;
  /** An amount, 0 or more. */
  readonly procurementApproval?: number | undefined;
  /** A percentage, 0 to 100. */
  readonly budgetVariance?: number | undefined;
}

/** Which mails are sent: `email_notifications`. */
export interface EmailNotifications {
  readonly maintenanceDue?: boolean | undefined;
  readonly inspectionDue?: boolean | undefined;
  readonly documentExpiring?: boolean | undefined;
  readonly workOrderAssigned?: boolean | undefined;
  readonly dailyDigest?: boolean | undefined;
}

/** The settings of the system as a whole: `system_settings`. It may have further properties. */
export interface SystemSettings {
  readonly maintenanceMode?: boolean | undefined;
  readonly allowSelfRegistration?: boolean | undefined;
  /** Minutes, 5 to 1440. */
  readonly sessionTimeout?: number | undefined;
  /** 3 to 10, a whole number. */
  readonly maxLoginAttempts?: number | undefined;
  readonly timezone?: string | undefined;
  readonly locale?: string | undefined;
  readonly [name: string]: unknown;
}

const colour = z
  .string()
  .regex(/^#[0-9A-Fa-f]{6}$/, 'must be a colour like #FF6B00')
  .optional();
const url = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s/]+(\/\S*)?$/, 'must be a URL like https://example.com/logo.png')
  .optional();
const interval = z.number().min(1_000).max(100_000).optional();
const amount = z.number().min(0).optional();
const flag = z.boolean().optional();
const text = z.string().optional();

const branding: z.ZodType<Branding> = z.object({
  logo: url,
  primaryColor: colour,
  secondaryColor: colour,
  companyName: text,
  tagline: text,
});

const pmIntervals: z.ZodType<PmIntervals> = z.object({
  lightDuty: interval,
  mediumDuty: interval,
  heavyDuty: interval,
});

const approvalThresholds: z.ZodType<ApprovalThresholds> = z.object({
  maintenanceApproval: amount,
  procurementApproval: amount,
  budgetVariance: z.number().min(0).max(100).optional(),
});

const emailNotifications: z.ZodType<EmailNotifications> = z.object({
  maintenanceDue: flag,
  inspectionDue: flag,
  documentExpiring: flag,
  workOrderAssigned: flag,
  dailyDigest: flag,
});

const systemSettings: z.ZodType<SystemSettings> = z.looseObject({
  maintenanceMode: flag,
  allowSelfRegistration: flag,
  sessionTimeout: z.number().min(5).max(1440).optional(),
  maxLoginAttempts: z.int().min(3).max(10).optional(),
  timezone: text,
  locale: text,
});

function define(key: string, schema: z.ZodType, rest: Definition): readonly [string, Definition] {
  return [key, Object.freeze({ ...rest, jsonSchema: describeZod(key, schema).jsonSchema })];
}

function secret(key: string, description: string): readonly [string, Definition] {
  return [key, Object.freeze<Definition>({ description, sensitive: true })];
}

/** The built-in definitions by key. None has defaults or required properties. */
export const builtInDefinitions: ReadonlyMap<string, Definition> = new Map([
  define('branding', branding, { description: 'The look of an organization.', baseImpact: 'low' }),
  define('pm_intervals', pmIntervals, {
    description: 'The distances between preventive maintenances, by duty class.',
    baseImpact: 'high',
  }),
  define('approval_thresholds', approvalThresholds, {
    description: 'From which amount on something needs approval.',
    baseImpact: 'critical',
    allowedScopes: ['global', 'org'],
  }),
  define('email_notifications', emailNotifications, {
    description: 'Which mails are sent.',
    baseImpact: 'medium',
  }),
  define('system_settings', systemSettings, {
    description: 'The settings of the system as a whole.',
    baseImpact: 'critical',
    allowedScopes: ['global'],
  }),
  secret('api_keys', 'Keys of other services, by name.'),
  secret('secrets', 'Secrets, by name.'),
  secret('credentials', 'Credentials, by name.'),
  secret('tokens', 'Tokens, by name.'),
  secret('passwords', 'Passwords, by name.'),
]);
