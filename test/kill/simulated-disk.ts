export type DiskOptions = { root: string };
