/** Owns for how long services are away because of a change that they take only when they start again. */

/** What has to start again, and for how long each is away. */
export interface RestartNeed {
  readonly services: readonly string[];
  /** Undefined where nobody said so. */
  readonly downtimeSeconds: number | undefined;
}

/** The downtime of a change in words; undefined where nothing has to start again. */
export function estimatedDowntime(needs: readonly RestartNeed[]): string | undefined {
  if (needs.length === 0) return undefined;
  return [...new Set(needs.map(inWords))].join('; ');
}

function inWords({ services, downtimeSeconds }: RestartNeed): string {
  const which = services.length === 0 ? 'each service that uses it' : services.join(', ');
  if (downtimeSeconds === undefined) return `a restart of ${which}`;
  return `${duration(downtimeSeconds)} for ${services.length > 1 ? 'each of ' : ''}${which}, while it starts again`;
}

function duration(seconds: number): string {
  if (seconds < 120) return counted(seconds, 'second');
  if (seconds < 7200) return counted(Math.ceil(seconds / 60), 'minute');
  return counted(Math.ceil(seconds / 3600), 'hour');
}

const counted = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
