/** Owns what the contract's snippets use without declaring it. */

declare const configService: import('@strata/service').ConfigurationManagementService;
declare const createConfigurationService: typeof import('@strata/service').createConfigurationService;
declare const ConfigScope: typeof import('@strata/service').ConfigScope;
declare const ImpactLevel: typeof import('@strata/service').ImpactLevel;
type SystemSettings = import('@strata/service').SystemSettings;

declare const value: unknown;
declare const newValue: unknown;
declare const scope: { scope: 'org'; scopeId: string };
declare const userId: string;
declare const organizationId: string;
declare const Redis: typeof import('ioredis').default;
declare const pool: import('pg').Pool;
declare const fs: typeof import('node:fs/promises');
declare const authService: { checkPermission(userId: string, permission: string, resource: object): Promise<boolean> };

declare function callback(changes: readonly unknown[]): void;
declare function updateUIBranding(branding: unknown): void;
declare function showNewFeature(): void;
declare function performUpgrade(): Promise<void>;

declare module 'ioredis' {
  export default class Redis {
    constructor(url: string | undefined);
    readonly status: string;
    get(key: string): Promise<string | null>;
    mget(...keys: string[]): Promise<(string | null)[]>;
    set(key: string, value: string): Promise<'OK' | null>;
    set(key: string, value: string, millisecondsToken: 'PX', milliseconds: number | string): Promise<'OK' | null>;
    del(...keys: string[]): Promise<number>;
  }
}
