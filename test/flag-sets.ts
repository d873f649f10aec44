/** Owns sets of flags for tests: compiled, with an engine for patterns and a clock that stands still. */
import {
  compileFlag,
  compileSegment,
  createFlagSet,
  type FeatureFlag,
  type FlagSegment,
  type FlagSet,
} from '@strata/core';
import { RE2JS } from 're2js';

/** Patterns in linear time. */
export function linearPatterns(pattern: string): (text: string) => boolean {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  return (text) => compiled.test(text);
}

/** A set of flags and segments at a time. */
export function flagSetOf(
  flags: readonly FeatureFlag[],
  segments: readonly FlagSegment[] = [],
  now = '2026-01-01T00:00:00Z',
): FlagSet {
  return createFlagSet({
    flags: new Map(flags.map((flag) => [flag.name, compileFlag(flag, { patterns: linearPatterns })])),
    segments: new Map(segments.map((segment) => [segment.name, compileSegment(segment, { patterns: linearPatterns })])),
    now: () => Date.parse(now),
  });
}
