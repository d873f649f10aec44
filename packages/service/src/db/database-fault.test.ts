import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { databaseFault, endsConnection } from './database-fault.ts';

function serverError(severity: string, code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError('could not extend file', 20, 'error'), { severity, code });
}

describe('an error of the server', () => {
  it.each([
    ['a full disk', 'ERROR', '53100', { code: 'storage_full', status: 507 }],
    ['no memory', 'ERROR', '53200', { code: 'unavailable', details: { sent: false } }],
    ['a disk that cannot be read', 'ERROR', '58030', { code: 'unavailable', details: { sent: false } }],
    ['a connection cut by an administrator', 'FATAL', '57P01', { code: 'unavailable', details: { sent: true } }],
    // The server failed while it wrote, and repairs itself: what it was doing may turn out to be stored.
    ['a log that cannot be written', 'PANIC', '53100', { code: 'unavailable', details: { sent: true } }],
    ['a log that cannot be synced', 'PANIC', 'XX000', { code: 'unavailable', details: { sent: true } }],
    ['a full disk in another language', 'FEHLER', '53100', { code: 'unavailable', details: { sent: true } }],
  ])('that tells of %s', (_, severity, code, expected) => {
    expect(databaseFault(serverError(severity, code), true)).toMatchObject(expected);
  });

  it('ends the connection where it ends the server', () => {
    expect(endsConnection(serverError('PANIC', '53100'))).toBe(true);
    expect(endsConnection(serverError('ERROR', '53100'))).toBe(false);
  });
});
