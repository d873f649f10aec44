/** Owns the check of an exported audit log without any server. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { AuditExportCheck, type AuditExportResult } from '@strata/core';
import { CommandError, exitCodes } from './exit-codes.ts';

/** Checks the lines of a file. @param publicKeys the keys that may have signed; absent: any. */
export async function verifyExportFile(
  file: string,
  publicKeys: readonly string[] | undefined,
): Promise<AuditExportResult> {
  const check = new AuditExportCheck({ sha256, isSigned, publicKeys });
  try {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8') })) check.line(line);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CommandError(exitCodes.failed, `Cannot read ${JSON.stringify(file)}: ${problem}.`);
  }
  return check.result();
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isSigned(publicKey: string, text: string, signature: string): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
    return (
      key.asymmetricKeyType === 'ed25519' && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64'))
    );
  } catch {
    return false;
  }
}
