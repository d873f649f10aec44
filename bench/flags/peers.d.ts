/** What is used of other evaluators of flags, which are installed only where the benchmarks run. */

declare module 'unleash-client' {
  import type { EventEmitter } from 'node:events';
  export class Unleash extends EventEmitter {
    constructor(options: {
      readonly appName: string;
      readonly url: string;
      readonly disableMetrics: boolean;
      readonly skipInstanceCountWarning: boolean;
      readonly repository: EventEmitter;
    });
    getVariant(name: string, context: object): { readonly name: string; readonly featureEnabled?: boolean };
    destroy(): void;
  }
}

declare module '@growthbook/growthbook' {
  export class GrowthBookClient {
    initSync(options: { readonly payload: { readonly features: object } }): this;
    evalFeature(
      key: string,
      context: { readonly attributes: object },
    ): { readonly value: unknown; readonly source: string };
    destroy(): void;
  }
}

declare module '@launchdarkly/node-server-sdk' {
  export interface LDClient {
    waitForInitialization(options: { readonly timeout: number }): Promise<unknown>;
    boolVariationDetail(
      key: string,
      context: object,
      fallback: boolean,
    ): Promise<{ readonly value: boolean; readonly reason: object }>;
    close(): void;
  }
  export function init(key: string, options: object): LDClient;
}

declare module '@launchdarkly/node-server-sdk/integrations' {
  export class TestData {
    getFactory(): object;
    usePreconfiguredFlag(flag: object): Promise<unknown>;
  }
}

declare module 'configcat-node' {
  export interface User {
    readonly identifier: string;
  }
  export const User: new (identifier: string, email: undefined, country: undefined, custom: object) => User;
  export const PollingMode: { readonly ManualPoll: number };
  export interface Snapshot {
    getValueDetails(key: string, fallback: boolean, user: User): { readonly value: boolean };
  }
  export function getClient(
    key: string,
    mode: number,
    options: object,
  ): { waitForReady(): Promise<unknown>; snapshot(): Snapshot; dispose(): void };
}
