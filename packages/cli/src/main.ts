/** Owns the start of the `strata` command. */
import process from 'node:process';
import { runProgram } from './program.ts';

// Whoever reads the output may have seen enough (`strata log branding | head`): that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

process.exitCode = await runProgram(process.argv.slice(2));
