/** Owns one server of the benchmark of several servers, in a process of its own. */
import { createServer } from '@strata/server';
import { createConfigurationService } from '@strata/service';
import pg from 'pg';

const [databaseUrl] = process.argv.slice(2);
const service = createConfigurationService(new pg.Pool({ connectionString: databaseUrl, max: 10 }));
await service.migrate();
process.send?.({ url: await createServer(service).listen({ host: '127.0.0.1', port: 0 }) });
// It ends with the process that measures.
process.on('disconnect', () => process.exit());
