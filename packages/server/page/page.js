/** Owns the page: it shows what holds at a scope, where it comes from and how it came about. It reads through the API alone. */

/** @param {string} id */
const find = (id) => document.getElementById(id);

/**
 * Makes an element. Texts become text nodes and nothing else, so no value can become markup.
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/** Reads from the API. @throws Error with the detail of the problem that is answered. */
async function read(path, query, signal) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  // What people look at does not count as in use.
  const answer = await fetch(`v1/${path}?${parameters}`, { signal, headers: { 'x-strata-service': 'strata' } });
  const body = await answer.json();
  if (answer.ok) return body;
  throw new Error(body.detail);
}

// What is looked at stands in the address, so that it can be kept, sent and gone back from.

const place = () => {
  const { scope = 'global', scopeId = '', key = '' } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return { scope, scopeId: scope === 'global' ? '' : scopeId, key };
};

const addressOf = ({ scope, scopeId, key }) =>
  `#${new URLSearchParams(Object.entries({ scope, scopeId, key }).filter(([, value]) => value))}`;

const scopeName = ({ scope, scopeId }) => (scopeId ? `${scope} ${scopeId}` : scope);

/** A scope as a link to it; a default of a schema is no scope that could be shown. */
function scopeLink(at) {
  const shown = { class: `scope ${at.scope}` };
  if (at.scope === 'schema') return element('span', shown, 'default of the schema');
  return element('a', { ...shown, href: addressOf({ ...at, key: place().key }) }, scopeName(at));
}

const json = (value) => element('code', {}, JSON.stringify(value));

function time(text) {
  const shown = new Date(text).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  return element('time', { datetime: text, title: text }, shown);
}

const isUnset = (value) => value !== null && typeof value === 'object' && value.$unset === true;

// The scope and its values.

let values = {};

function showKeys() {
  const at = place();
  const wanted = find('filter').value.trim().toLowerCase();
  const keys = Object.keys(values).filter((key) => key.toLowerCase().includes(wanted));
  const items = keys.map((key) => {
    const current = key === at.key ? { 'aria-current': 'true' } : {};
    const link = element(
      'a',
      { href: addressOf({ ...at, key }), ...current },
      element('strong', {}, key),
      json(values[key]),
    );
    return element('li', {}, link);
  });
  find('keys').replaceChildren(...items);
  const all = Object.keys(values).length;
  const count = keys.length === all ? String(all) : `${keys.length} of ${all}`;
  find('status').textContent =
    all === 0
      ? `Nothing has a value at ${scopeName(at)}.`
      : `${count} ${all === 1 ? 'key' : 'keys'} at ${scopeName(at)}`;
}

function showChain(chain) {
  find('chain').replaceChildren(element('ol', {}, ...chain.map((at) => element('li', {}, scopeLink(at)))));
}

async function showScope(at, signal) {
  const query = { scope: at.scope, scopeId: at.scopeId };
  const [all, { chain }] = await Promise.all([read('values', query, signal), read('chain', query, signal)]);
  values = all.values;
  showChain(chain);
  showKeys();
}

// One key: where each part of its value comes from.

const columns = ['Part', 'Value', 'From', 'Changed', 'Overrides'];

function originRow(leaf) {
  const others = leaf.candidates.filter((one) => one.scope !== leaf.scope || one.scopeId !== leaf.scopeId);
  const overridden = others.map((one) =>
    element(
      'li',
      {},
      scopeLink(one),
      ' ',
      isUnset(one.value) ? 'removes it' : json(one.value),
      ' ',
      versionCode(one.version),
    ),
  );
  const cells = [
    [json(leaf.value)],
    [scopeLink(leaf), ...(leaf.lock ? [' ', lockNote(leaf.lock)] : [])],
    changed(leaf),
    overridden.length === 0 ? [] : [element('ul', {}, ...overridden)],
  ];
  const path = leaf.path === '$' ? 'whole value' : leaf.path;
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, element('code', {}, path)),
    ...cells.map((content, index) => {
      const empty = content.length === 0 ? { class: 'none' } : {};
      return element('td', { 'data-label': columns[index + 1], ...empty }, ...(content.length === 0 ? ['–'] : content));
    }),
  );
}

const versionCode = (version) => element('code', { class: 'faint', title: version }, version.slice(0, 8));

const lockNote = (lock) =>
  element('span', { class: 'faint', title: lock.comment ?? '' }, `locked by ${lock.lockedBy} at ${scopeName(lock)}`);

function changed({ version, changedBy, changedAt, comment }) {
  if (version === null) return [];
  const note = comment ? [element('div', { class: 'faint' }, comment)] : [];
  return [`by ${changedBy} · `, time(changedAt), ' · ', versionCode(version), ...note];
}

function showOrigins({ leaves, value }) {
  find('whole').textContent = JSON.stringify(value, null, 2);
  if (leaves.length === 0) {
    find('origins').replaceChildren(element('p', { class: 'faint' }, 'Nothing gives it a value here.'));
    return;
  }
  const head = element('tr', {}, ...columns.map((name) => element('th', { scope: 'col' }, name)));
  find('origins').replaceChildren(
    element(
      'table',
      { 'aria-labelledby': 'origins-title' },
      element('thead', {}, head),
      element('tbody', {}, ...leaves.map(originRow)),
    ),
  );
}

async function showDescription(key, signal) {
  const { schemas } = await read('schemas', {}, signal);
  const description = schemas.find((schema) => schema.key === key)?.description ?? '';
  find('description').textContent = description;
  find('description').hidden = description === '';
}

// One key: its history, and what each version changed.

const pageSize = '20';
let next = null;

const words = { set: 'set', delete: 'removed', rollback: 'rolled back' };

function versionItem(version) {
  const line = [
    scopeLink(version),
    element('span', {}, `${words[version.operation]} by ${version.changedBy}`),
    time(version.changedAt),
    versionCode(version.version),
    ...version.tags.map((tag) => element('span', { class: 'tag' }, tag)),
  ];
  const details = element('details', {}, element('summary', {}, 'What changed'));
  details.addEventListener('toggle', () => void showDiff(details, version), { once: true });
  return element(
    'li',
    { 'data-version': version.version },
    element('div', { class: 'line' }, ...line),
    ...(version.comment ? [element('p', { class: 'faint' }, version.comment)] : []),
    details,
  );
}

async function showDiff(details, version) {
  const from = version.parent;
  try {
    const first = [{ path: '$', operation: 'add', newValue: version.value }];
    const changes = from === null ? first : (await read(`diff/${version.key}`, { from, to: version.version })).diff;
    details.append(
      element('div', { class: 'diff' }, ...(changes.length === 0 ? ['Nothing'] : changes.flatMap(diffLines))),
    );
  } catch (error) {
    details.append(element('p', { class: 'diff' }, error.message));
  }
}

function diffLines({ path, operation, oldValue, newValue }) {
  const where = path === '$' ? '' : `${path}: `;
  const line = (name, sign, value) =>
    element('div', { class: name }, element('code', {}, `${sign} ${where}${JSON.stringify(value)}`));
  return [
    ...(operation === 'add' ? [] : [line('removed', '−', oldValue)]),
    ...(operation === 'delete' ? [] : [line('added', '+', newValue)]),
  ];
}

async function showHistory({ key, scope, scopeId }, before, signal) {
  const narrowed = find('only').checked ? { scope, scopeId } : {};
  const page = await read(`history/${key}`, { ...narrowed, limit: pageSize, before }, signal);
  const items = page.versions.map(versionItem);
  if (before === '') find('history').replaceChildren(...items);
  else find('history').append(...items);
  items[0]?.querySelector(before === '' ? 'none' : 'summary')?.focus();
  next = page.next;
  find('more').hidden = next === null;
}

/** Puts the versions that came since before those that are shown; what was opened or loaded below stays as it is. */
async function showNewVersions({ key, scope, scopeId }, signal) {
  const newest = find('history').firstElementChild?.dataset.version;
  const narrowed = find('only').checked ? { scope, scopeId } : {};
  const { versions } = await read(`history/${key}`, { ...narrowed, limit: pageSize }, signal);
  const known = versions.findIndex(({ version }) => version === newest);
  if (known === -1) return showHistory({ key, scope, scopeId }, '', signal);
  find('history').prepend(...versions.slice(0, known).map(versionItem));
}

async function showKey(at, signal) {
  find('detail').hidden = at.key === '';
  if (at.key === '') return;
  find('key-title').textContent = at.key;
  find('close').setAttribute('href', addressOf({ ...at, key: '' }));
  const query = { scope: at.scope, scopeId: at.scopeId };
  await Promise.all([
    read(`explain/${at.key}`, query, signal).then(showOrigins),
    showDescription(at.key, signal),
    showHistory(at, '', signal),
  ]);
}

// What the page as a whole does.

/** Runs what a step of the user asks for; what goes wrong is told, and what is no longer asked for is dropped. */
async function attempt(work) {
  try {
    await work();
    find('problem').hidden = true;
  } catch (error) {
    if (error.name === 'AbortError') return;
    find('problem').textContent = error instanceof TypeError ? 'The server does not answer.' : error.message;
    find('problem').hidden = false;
  }
}

let showing = new AbortController();

async function show() {
  showing.abort();
  showing = new AbortController();
  const at = place();
  const { signal } = showing;
  document.title = `${at.key ? `${at.key} at ` : ''}${scopeName(at)} – Strata`;
  find('kind').value = at.scope;
  find('id').value = at.scopeId;
  showKind();
  stopFollowing();
  await attempt(async () => {
    await Promise.all([orNothing(showScope(at, signal), clearScope), orNothing(showKey(at, signal), clearKey)]);
    follow(at, signal);
  });
}

// What changes while it is looked at.

/** How long changes are collected before what is shown is read anew, in milliseconds. */
const calm = 200;

let stopFollowing = () => {};

/** Reads anew what is shown when something changes at the scope, and when the page was out of sight or out of touch. */
function follow(at, signal) {
  const query = new URLSearchParams(
    Object.entries({ scope: at.scope, scopeId: at.scopeId }).filter(([, value]) => value),
  );
  let events;
  let timer;
  const refreshSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void attempt(() => refresh(at, signal)), calm);
  };
  const listen = () => {
    // A browser keeps few connections to one server, so a page that nobody sees takes none.
    events?.close();
    events = document.hidden ? undefined : new EventSource(`v1/watch?${query}`);
    if (events === undefined) return;
    // What changed before it was open is told to nobody.
    for (const name of ['open', 'commit', 'reset', 'compacted']) events.addEventListener(name, refreshSoon);
  };
  const stop = () => {
    clearTimeout(timer);
    events?.close();
    document.removeEventListener('visibilitychange', listen);
  };
  stopFollowing();
  if (signal.aborted) return;
  document.addEventListener('visibilitychange', listen);
  listen();
  stopFollowing = stop;
}

async function refresh(at, signal) {
  const focused = document.activeElement?.getAttribute('href');
  const work = [showScope(at, signal)];
  if (at.key) {
    const query = { scope: at.scope, scopeId: at.scopeId };
    work.push(read(`explain/${at.key}`, query, signal).then(showOrigins), showNewVersions(at, signal));
  }
  await Promise.all(work);
  // A link that was replaced by the same one keeps the focus.
  const lost = document.activeElement === document.body && focused;
  if (lost) document.querySelector(`main a[href="${CSS.escape(focused)}"]`)?.focus();
}

/** What is shown is right or gone: after a failure nothing of another scope or key stays. */
async function orNothing(work, clear) {
  try {
    await work;
  } catch (error) {
    if (error.name !== 'AbortError') clear();
    throw error;
  }
}

function clearScope() {
  values = {};
  for (const id of ['keys', 'chain', 'status']) find(id).replaceChildren();
}

function clearKey() {
  find('detail').hidden = true;
}

let registered = [];

function showKind() {
  const kind = find('kind').value;
  for (const id of ['id', 'id-label']) find(id).hidden = kind === 'global';
  find('id').required = kind !== 'global';
  const ids = registered.filter(({ scope }) => scope === kind);
  find('ids').replaceChildren(
    ...ids.map(({ scopeId, name }) => element('option', { value: scopeId }, name ?? scopeId)),
  );
}

/** How many pages of registered scopes are offered; any other id can be typed. */
const offeredPages = 5;

async function offerScopes() {
  let cursor = '';
  for (let page = 0; page < offeredPages && cursor !== null; page++) {
    const answer = await read('scopes', { limit: '1000', cursor });
    registered = [...registered, ...answer.scopes];
    cursor = answer.nextCursor;
  }
  showKind();
}

find('kind').addEventListener('change', () => {
  find('id').value = '';
  showKind();
  if (find('kind').value !== 'global') find('id').focus();
});
find('scope').addEventListener('submit', (event) => {
  event.preventDefault();
  const address = addressOf({ scope: find('kind').value, scopeId: find('id').value, key: place().key });
  if (address === location.hash) void show();
  else location.hash = address;
});
find('filter').addEventListener('input', showKeys);
find('only').addEventListener('change', () => void attempt(() => showHistory(place(), '', showing.signal)));
find('more').addEventListener('click', () => void attempt(() => showHistory(place(), next, showing.signal)));
window.addEventListener('hashchange', () => {
  void show().then(() => find(place().key === '' ? 'keys-title' : 'key-title').focus());
});

void show();
void attempt(offerScopes);
