/** Lists what `@strata/core/schema` exports: the part of core that knows Zod. */
export {
  builtInDefinitions,
  type ApprovalThresholds,
  type Branding,
  type EmailNotifications,
  type PmIntervals,
  type SystemSettings,
} from './catalogue.ts';
export { codeProblems, type CodeProblem } from './code-rules.ts';
export { describeZod, isZodSchema, type DescribedZod } from './describe-zod.ts';
