/** Lists every public name of the server. */
export { seedDemo, type DemoSummary } from './demo/seed.ts';
export { serve, type RunningServer, type ServeOptions } from './serve.ts';
export { createServer, type ServerOptions } from './server.ts';
export { closeOnSignals } from './signals.ts';
export { openStore, type Store, type StoreOptions } from './store.ts';
