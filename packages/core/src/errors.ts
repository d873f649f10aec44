/** Owns every error that Strata raises on purpose: its code, its HTTP status and its message. */

/**
 * The error catalogue. `{name}` in a message is filled from the error's details; a message says what is wrong, with which
 * value, and what to do next.
 */
export const errorCatalogue = {
  invalid_argument: { status: 400, message: 'Invalid {argument}: {problem}.' },
  invalid_key: {
    status: 400,
    message:
      'Invalid key {key}: {problem}. A key has 1 to 255 characters, starts with a letter or digit and goes on with letters, digits and _ . : / -',
  },
  invalid_scope: { status: 400, message: 'Invalid scope: {problem}.' },
  invalid_value: { status: 400, message: 'Invalid value at {path}: {problem}.' },
  value_too_large: {
    status: 413,
    message: 'The value has {bytes} bytes, and {limit} are allowed. Split it over several keys.',
  },
  validation_failed: { status: 422, message: 'Validation failed: {problems}' },
  scope_not_allowed: {
    status: 422,
    message: 'The key {key} cannot be set at scope {scope}. Its definition allows: {allowed}.',
  },
  would_break: {
    status: 409,
    message:
      'This change would make values below it invalid: {layers}. Correct those first, or pass force to go ahead.',
  },
  encryption_key_malformed: {
    status: 500,
    message:
      'The encryption key in {source} cannot be used: {problem}. A key is 32 random bytes in base64, such as openssl rand -base64 32 makes.',
  },
  encryption_key_missing: {
    status: 503,
    message:
      'The secrets of this store are encrypted under the key {keyId}, which is not here ({has}). Set CONFIG_ENCRYPTION_KEY to a comma-separated list that holds it, or put its key file back.',
  },
  encryption_key_in_use: { status: 409, message: 'The key {keyId} cannot be retired: {problem}.' },
  encryption_not_configured: {
    status: 503,
    message:
      'There is no key to encrypt with. Make one with openssl rand -base64 32, set CONFIG_ENCRYPTION_KEY to it for every process on this store, and keep it: without it no secret can be read.',
  },
  secret_damaged: {
    status: 500,
    message:
      'The secret at {path} of {address} cannot be read: {problem}. Nothing was answered in its place. Set it anew, or restore its row from a backup.',
  },
  secret_sealed_elsewhere: {
    status: 422,
    message:
      'The secrets at {address} are sealed under the key {keyId}, which is not here ({has}). Put that key behind the first one in CONFIG_ENCRYPTION_KEY, or export them again with a passphrase.',
  },
  data_key_damaged: {
    status: 500,
    message:
      'The data key {id} cannot be unwrapped with the key {keyId}: it was changed in the database. Restore its row of configuration_data_keys from a backup.',
  },
  key_provider_failed: {
    status: 503,
    message:
      'The key provider failed to {operation} a data key: {problem}. Nothing is lost; try again when it answers.',
  },
  conflict: {
    status: 409,
    message:
      'The value at {address} has changed: expected version {expected}, found {current}. Read it again, apply your change and retry.',
  },
  idempotency_conflict: {
    status: 409,
    message: 'The idempotency key {idempotencyKey} was used for another change. Use a new one for a new change.',
  },
  invalid_version: {
    status: 400,
    message:
      'Invalid version {version}: {problem}. Give 4 or more digits of a version hash, a tag, HEAD, HEAD~n or @<ISO time>.',
  },
  ambiguous_version: {
    status: 409,
    message: 'The version {version} is ambiguous. It matches: {candidates}. Give more digits or a scope.',
  },
  version_not_found: {
    status: 404,
    message: 'No version {version} of {key}. List its versions with getHistory.',
  },
  commit_not_found: {
    status: 404,
    message: 'There is no commit {commit}. Each version names the id and the revision of its commit: see getHistory.',
  },
  revert_conflicts: {
    status: 409,
    message:
      'The commit {commit} cannot be reverted, since later commits changed the same parts: {parts}. Nothing was written. Revert those commits first, or set these parts to what they shall be.',
  },
  revert_unsupported: {
    status: 409,
    message: 'The commit {commit} is {subject} and holds no values, so it cannot be reverted. Undo it with {call}.',
  },
  invalid_tag: { status: 400, message: 'Invalid tag {tag}: {problem}.' },
  tag_exists: {
    status: 409,
    message: 'The tag {tag} already marks version {version} of {address}. A tag never moves: choose another name.',
  },
  scope_cycle: { status: 409, message: 'The scope {scope} cannot be its own parent.' },
  invalid_parent: {
    status: 400,
    message:
      '{parent} cannot be the parent of {scope}: a team belongs to one org, a user to teams and orgs, an org to global.',
  },
  scope_not_found: {
    status: 404,
    message: 'The scope {scope} is not registered. Register it with registerScope.',
  },
  scope_in_use: {
    status: 409,
    message: 'The scope {scope} cannot be removed: it still has {uses}. Remove those first.',
  },
  locked: {
    status: 423,
    message:
      '{key} is locked at {path} by {lockScope} (version {version}, revision {revision}, by {lockedBy}). Unlock it there or change it at that scope.',
  },
  lock_broken: {
    status: 409,
    message: 'The lock on {key} at {path} cannot be set: values below already differ at {layers}. Remove those first.',
  },
  lock_exists: {
    status: 409,
    message: '{key} is already locked at {path} by {lockScope}. Unlock it before locking it anew.',
  },
  lock_not_found: { status: 404, message: 'There is no lock on {key} at {path} of {scope}.' },
  invalid_schema: { status: 400, message: 'The schema of {key} cannot be used: {problem}.' },
  schema_not_found: { status: 404, message: 'The key {key} has no schema.' },
  schema_breaks_values: {
    status: 409,
    message:
      'The schema of {key} does not fit values that are stored: {layers}. Correct those first, or register it with onInvalid: "report".',
  },
  schema_code_missing: {
    status: 409,
    message:
      'The schema of {key} has rules in code that this process does not hold. Write it from a process that calls registerSchema with that code.',
  },
  dependency_cycle: {
    status: 409,
    message: '{key} cannot depend on {dependsOn}, since that would close a circle: {circle}.',
  },
  dependency_not_found: {
    status: 404,
    message: '{key} does not depend on {dependsOn}. List the dependencies with listDependencies.',
  },
  key_not_found: { status: 404, message: 'There is no value for {key} at {scope}.' },
  flag_not_found: {
    status: 404,
    message: 'There is no flag {name} at {scope}. Create it with set, or see listFlags.',
  },
  flag_archived: {
    status: 409,
    message:
      'The flag {name} is archived at {scope}, and its name is not used again: code that still asks for it must stay off. Choose another name.',
  },
  flag_name_used: {
    status: 409,
    message:
      'There was a flag {name} at {scope} until revision {revision}, and its name is not used again. Put that flag back with rollback, or choose another name.',
  },
  malformed_document: {
    status: 400,
    message: 'The document is not {format} as it should be, at {position}: {problem}.',
  },
  document_changed: {
    status: 422,
    message:
      'The document is not as it was exported: {problem}. Export it anew; or pass verify: false if you changed it on purpose.',
  },
  document_unsupported: { status: 422, message: 'The document cannot be imported: {problem}.' },
  document_too_large: {
    status: 413,
    message: 'The document has {size}, and {limit} are allowed. Split it, for example by scope.',
  },
  replaces_everything: {
    status: 409,
    message:
      'The document holds no values, so replacing {scope} with it would delete all {count} there. Pass force if that is meant.',
  },
  backup_unreadable: {
    status: 422,
    message: 'The backup cannot be restored, at {position}: {problem}. Nothing was stored.',
  },
  passphrase_wrong: { status: 422, message: 'The passphrase is wrong: {problem}.' },
  store_not_empty: {
    status: 409,
    message:
      'A backup is restored only into an empty store, and here {problem}. Make a new database, or another directory, and restore it there.',
  },
  approval_required: {
    status: 409,
    message: 'This change requires approval. Change request created: {requestId}',
  },
  request_not_found: {
    status: 404,
    message: 'There is no change request {requestId}. List those that wait with getPendingChanges.',
  },
  self_approval: {
    status: 403,
    message: '{actor} wrote the change request {requestId} and cannot approve it. Somebody else has to.',
  },
  already_approved: {
    status: 409,
    message:
      '{actor} has approved the change request {requestId} already. It has {approvals} of {minimumApprovals} approvals; somebody else gives the next.',
  },
  not_an_approver: {
    status: 403,
    message: '{actor} is no approver of the change request {requestId}. The policy {policy} asks for {approvers}.',
  },
  request_expired: {
    status: 409,
    message: 'The change request {requestId} expired at {expiresAt}. Request the change again.',
  },
  request_applied: {
    status: 409,
    message: 'The change request {requestId} is applied already, by the commit {commit}.',
  },
  request_edited: {
    status: 409,
    message:
      'The change request {requestId} was edited since you saw it. Look at it again and approve what it says now: edition {edition}.',
  },
  request_conflicted: {
    status: 409,
    message:
      'The change request {requestId} cannot be applied as it was shown: {problem}. Its author edits it, which proposes it anew, or withdraws it.',
  },
  request_closed: {
    status: 409,
    message: 'The change request {requestId} is {status} and takes no {event} any more. Request the change again.',
  },
  request_state: {
    status: 409,
    message: 'The change request {requestId} is {status}, and {event} is not possible then. Possible are: {possible}.',
  },
  not_the_author: {
    status: 403,
    message: '{actor} did not write the change request {requestId}; {author} did. Reject it instead, with a reason.',
  },
  reason_required: { status: 400, message: 'Give a reason: {problem}.' },
  justification_required: {
    status: 400,
    message: 'Give a justification of the change: approvers decide by it. {problem}.',
  },
  policy_not_found: { status: 404, message: 'There is no policy {policy}. There are {policies}.' },
  not_permitted: {
    status: 403,
    message:
      '{actor} does not have the permission {action} for {resource}. Ask an administrator of {scope} for a role that holds it.',
  },
  self_grant: {
    status: 403,
    message: '{actor} cannot give himself the role {role}, which holds break-glass. Somebody else has to.',
  },
  role_not_found: { status: 404, message: 'There is no role {role}. There are {roles}.' },
  role_in_use: {
    status: 409,
    message: 'The role {role} is bound to {subjects}. Unbind it there before removing it.',
  },
  binding_not_found: { status: 404, message: 'There is no role binding {id}. List them with listRoleBindings.' },
  audit_key_missing: {
    status: 503,
    message:
      'There is no key here to prove the audit log with. Set CONFIG_ENCRYPTION_KEY to that of this store, or make one with openssl rand -base64 32.',
  },
  audit_chain_broken: {
    status: 409,
    message:
      'The audit log is not what was sealed, at the seal {number}. Nothing more is sealed or signed upon it: find out what happened with strata audit verify.',
  },
  audit_broken: {
    status: 409,
    message:
      'The audit log does not hold, so nothing of it is removed: {count} findings, the first: {first} See them all with strata audit verify.',
  },
  busy: {
    status: 503,
    message: 'The write was tried {tries} times and lost to other writers each time. Try again.',
  },
  unavailable: {
    status: 503,
    message: 'The database did not answer: {problem}. Nothing is lost; try again when it is back.',
  },
  outcome_unknown: {
    status: 503,
    message:
      'The connection was lost while writing, so the outcome is unknown. Repeat the call with idempotencyKey {idempotencyKey}: it is applied once.',
  },
  revision_not_reached: {
    status: 503,
    message:
      'The revision {revision} is not known here: this process has come to {reached}. Wait for it longer, or check that it is a revision of this store.',
  },
  changes_missed: {
    status: 410,
    message:
      'The changes after this place cannot be told any more: {problem}. Read the values anew and go on from {cursor}.',
  },
  storage_full: {
    status: 507,
    message: 'The database has no room left: {problem}. Nothing was stored; free disk space and try again.',
  },
  database_in_use: {
    status: 409,
    message:
      'The directory {dataDir} is already open in process {pid}. An embedded database belongs to one process: close it there first.',
  },
  transaction_misused: { status: 500, message: 'The transaction was used wrongly: {problem}.' },
  closed: { status: 503, message: 'The service is closed. Make a new one with createConfigurationService.' },
  not_migrated: {
    status: 503,
    message:
      'The database has no Strata tables here. Call migrate() once, or apply the files of migrations/ with psql.',
  },
  migration_changed: {
    status: 500,
    message:
      'The migration {name} was applied with other contents than this version of Strata holds. Use the version that migrated this database, or a newer one.',
  },
  migration_unverified: {
    status: 500,
    message:
      'The migration {name} is recorded as applied, but the schema differs: {differences}. Restore the schema or apply the file again with psql.',
  },
  migration_too_new: {
    status: 500,
    message:
      'The database was changed by {name}, which this version of Strata cannot work with. Use a newer version of Strata.',
  },
  invalid_request: { status: 400, message: 'Invalid request: {problem}.' },
  invalid_path: {
    status: 400,
    message: 'Invalid path {path}: {problem}. Write a key as it is, with nothing percent-encoded.',
  },
  malformed_json: { status: 400, message: 'The body is not JSON: {problem}.' },
  host_not_allowed: {
    status: 403,
    message: 'The server answers only on this machine, and this request came {problem}. Use http://localhost.',
  },
  cross_site: {
    status: 403,
    message:
      'A page of another site ({origin}) may not write here, nor open a WebSocket. Send the request from a program or from this origin.',
  },
  server_closing: { status: 503, message: 'The server is about to end. Connect again: another one takes over.' },
  route_not_found: { status: 404, message: 'There is nothing at {path}.' },
  method_not_allowed: { status: 405, message: '{method} is not possible at {path}. Possible are: {allowed}.' },
  request_timeout: { status: 408, message: 'The request took too long to arrive. Send it again.' },
  body_too_large: {
    status: 413,
    message: 'The body has more than {limit} bytes. Split the request into several.',
  },
  unsupported_media_type: {
    status: 415,
    message: 'The body is {type}. Send JSON in UTF-8, uncompressed, with Content-Type: application/json.',
  },
  headers_too_large: { status: 431, message: 'The headers of the request are too large.' },
  internal_error: {
    status: 500,
    message: 'The server failed at this request. Its log says why, under the request id {requestId}.',
  },
  not_loopback: {
    status: 500,
    message:
      'The server has no login yet, so it listens only on this machine: {host} is not a loopback address. Use 127.0.0.1, ::1 or localhost.',
  },
  demo_refused: {
    status: 409,
    message:
      'The fleet demo was not added, since this store already holds {obstacles}. Add it to another store, for example with --data-dir.',
  },
  cannot_listen: { status: 500, message: 'The server cannot listen on {host}, port {port}: {problem}.' },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>;

/** The code of an error: stable, for programs to branch on. */
export type ErrorCode = keyof typeof errorCatalogue;

type Placeholders<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;

/** What an error of `Code` is built from: a value for each placeholder of its message, and whatever else helps a program. */
export type ErrorDetails<Code extends ErrorCode> = Readonly<
  Record<Placeholders<(typeof errorCatalogue)[Code]['message']>, string | number>
> &
  Readonly<Record<string, unknown>>;

/** Every refusal and fault of Strata: branch on `code`, show `message`, read `details`. */
export class ConfigurationError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'ConfigurationError';
  /** A stable word for programs. */
  readonly code: Code;
  /** The HTTP status with which a server answers. */
  readonly status: number;
  /** What the message was built from, and more: plain JSON. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, details: ErrorDetails<Code>, options?: { readonly cause?: unknown }) {
    super(fill(errorCatalogue[code].message, details), options);
    this.code = code;
    this.status = errorCatalogue[code].status;
    this.details = details;
  }
}

/** A change that was not made, since it needs approvals: a request for it waits for them. */
export class ApprovalRequiredError extends ConfigurationError<'approval_required'> {
  /** The change request that was created. */
  readonly requestId: string;

  constructor(details: ErrorDetails<'approval_required'> & { readonly requestId: string }) {
    super('approval_required', details);
    this.requestId = details.requestId;
  }
}

/** Whether `error` is a `ConfigurationError`, of the given code where one is given; also across copies of this package. */
export function isConfigurationError<Code extends ErrorCode = ErrorCode>(
  error: unknown,
  code?: Code,
): error is ConfigurationError<Code> {
  return (
    error instanceof Error &&
    error.name === 'ConfigurationError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  );
}

function fill(message: string, details: Readonly<Record<string, unknown>>): string {
  return message.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(details[name]));
}

/** How a message names an input of any type: a text in quotes, else its type, since not everything has a text form. */
export function describeInput(input: unknown): string {
  if (typeof input === 'string') return JSON.stringify(input);
  return input === null ? 'null' : typeof input;
}
