/** What is used of the client of etcd, which is installed only where the benchmarks run. */
declare module 'etcd3' {
  export class Etcd3 {
    constructor(options: { readonly hosts: string });
    put(key: string): { value(value: string): Promise<unknown> };
    close(): void;
  }
}
