/** Owns the program that imports a document into a store, or restores a backup, until it is killed. */
import { createReadStream, readFileSync } from 'node:fs';
import { createConfigurationService } from '../../packages/service/src/create.ts';
import { openEmbeddedDatabase } from '../../packages/service/src/db/embedded.ts';

/** What it does, and where. */
export interface TransferOptions {
  readonly dataDir: string;
  readonly file: string;
  readonly does: 'import' | 'import atomically' | 'restore';
}

const { dataDir, file, does } = JSON.parse(process.argv[2] ?? '') as TransferOptions;
const database = await openEmbeddedDatabase({ dataDir });
const service = createConfigurationService(database);
const say = (word: string): void => void process.stdout.write(`${word}\n`);
say('open');
const onProgress = (): void => say('step');
if (does === 'restore') await service.restoreBackup(createReadStream(file, { highWaterMark: 4096 }), { onProgress });
else {
  const atomic = does === 'import atomically';
  await service.importConfig(readFileSync(file, 'utf8'), 'json', 'ann', undefined, { atomic, onProgress });
}
say('done');
await service.close();
await database.close();
