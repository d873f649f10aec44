/** Owns the PgBouncer of tests: a real one on a free port of the loopback, in transaction mode, as a user without rights, ended by its own process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unprivilegedUser } from '../../scripts/postgres-server.ts';
import { freePort, type PostgresAddress } from '../postgres.setup.ts';

const binaries = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'];

/** A running PgBouncer. */
export interface PgBouncer {
  readonly port: number;
  /** Ends it. */
  close(): Promise<void>;
}

/** Starts one in front of a server. @param poolSize how many connections to the server all clients share. */
export async function startPgBouncer(
  server: PostgresAddress,
  login: { readonly user: string; readonly password: string },
  poolSize: number,
): Promise<PgBouncer> {
  const binary = binaries.find((path) => existsSync(path));
  if (binary === undefined) {
    throw new Error(
      'The pooler is tested with a real PgBouncer, and there is none here. Run: apt-get install -y pgbouncer',
    );
  }
  const directory = mkdtempSync(join(tmpdir(), 'strata-test-pgbouncer-'));
  const port = await freePort();
  const [users, settings] = [join(directory, 'users.txt'), join(directory, 'pgbouncer.ini')];
  writeFileSync(users, `"${login.user}" "${login.password}"\n`);
  writeFileSync(
    settings,
    [
      '[databases]',
      `${server.database} = host=${server.host} port=${String(server.port)} dbname=${server.database}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${String(port)}`,
      'unix_socket_dir =',
      'auth_type = md5',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      `default_pool_size = ${String(poolSize)}`,
      'max_client_conn = 200',
      '',
    ].join('\n'),
  );
  // It may run as another user, who has to read these.
  chmodSync(directory, 0o755);
  const child = spawn(binary, [settings], { ...unprivilegedUser(), cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (data) => {
      log += String(data);
      if (log.includes('process up')) resolve();
    });
    child.once('error', reject).once('exit', () => reject(new Error(`PgBouncer did not start:\n${log}`)));
  });
  return {
    port,
    async close() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        await exited;
      }
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
