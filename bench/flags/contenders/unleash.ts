/** Owns evaluating with Unleash's client. */
import { EventEmitter } from 'node:events';
import { Unleash } from 'unleash-client';
import { asked, countries, isOn, minimumAge, names, people, percentageOf, stride, tier, type Evaluator, type Kind } from '../workload.ts'; // prettier-ignore

function toggle(kind: Kind, flag: number, name: string): object {
  const base = { name, type: 'release', stale: false, impressionData: false, variants: [], dependencies: [] };
  if (kind === 'on/off')
    return { ...base, enabled: isOn(flag), strategies: [{ name: 'default', parameters: {}, constraints: [] }] };
  const all = [
    { contextName: 'country', operator: 'IN', values: countries, inverted: false, caseInsensitive: false },
    { contextName: 'tier', operator: 'IN', values: [tier], inverted: false, caseInsensitive: false },
    { contextName: 'age', operator: 'NUM_GTE', value: String(minimumAge), values: [], inverted: false, caseInsensitive: false }, // prettier-ignore
  ];
  const strategy = {
    name: 'flexibleRollout',
    parameters: { rollout: String(percentageOf(flag)), stickiness: 'userId', groupId: name },
    constraints: kind === 'percentage' ? [] : all,
  };
  return { ...base, enabled: true, strategies: [strategy] };
}

/** The toggles, without a server. */
class Toggles extends EventEmitter {
  readonly #toggles: ReadonlyMap<string, object>;

  constructor(toggles: ReadonlyMap<string, object>) {
    super();
    this.#toggles = toggles;
  }

  getToggle(name: string): object | undefined {
    return this.#toggles.get(name);
  }

  getToggles(): object[] {
    return [...this.#toggles.values()];
  }

  getTogglesWithSegmentData(): object[] {
    return this.getToggles();
  }

  getSegment(): undefined {
    return undefined;
  }

  async start(): Promise<void> {
    this.emit('ready');
    this.emit('changed');
  }

  stop(): void {
    this.removeAllListeners();
  }
}

export async function unleash(kind: Kind): Promise<Evaluator> {
  const repository = new Toggles(new Map(names.map((name, flag) => [name, toggle(kind, flag, name)])));
  const client = new Unleash({
    appName: 'bench',
    url: 'http://127.0.0.1:1/api/',
    disableMetrics: true,
    skipInstanceCountWarning: true,
    repository,
  });
  await new Promise((resolve) => setImmediate(resolve));
  const contexts = people.map(({ id, country, tier: ofPerson, age }) => ({
    userId: id,
    properties: { country, tier: ofPerson, age: String(age) },
  }));
  return {
    name: 'unleash-client',
    run: (operations) => {
      let on = 0;
      for (let n = 0, at = 0; n < operations; n += 1, at = (at + stride) % contexts.length)
        if (client.getVariant(asked[n % asked.length] ?? '', contexts[at] ?? {}).featureEnabled === true) on += 1;
      return on;
    },
    close: () => client.destroy(),
  };
}
