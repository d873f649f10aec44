/** Owns how a passphrase is sent: in a header, since addresses are logged. */

/** The header of a call that takes a passphrase; none without one. */
export function passphraseHeader(options: {
  readonly passphrase?: string | undefined;
}): Readonly<Record<string, string>> {
  const { passphrase } = options;
  return passphrase === undefined ? {} : { 'strata-passphrase': encodeURIComponent(passphrase) };
}
