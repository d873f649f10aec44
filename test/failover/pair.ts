/** Owns a primary with a standby behind one address, as a virtual address leads to whichever is the primary. */
import { join } from 'node:path';
import type pg from 'pg';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';
import { PostgresNode } from './node.ts';

/** The schema that its sessions have alone on their search path. */
const schema = 'store';

/** How far the standby is away on each way, in milliseconds: what is acknowledged without waiting for it is not there yet. */
const distance = 10;

/** What leads to the servers. Each proxy looks at every connection where it is to lead. */
interface Ways {
  readonly proxy: TcpProxy;
  readonly target: { host: string; port: number };
  readonly stream: TcpProxy;
  readonly wire: { host: string; port: number };
}

/** Two servers, one of which clients are led to. */
export class Pair {
  primary: PostgresNode;
  standby: PostgresNode;
  readonly #directory: string;
  readonly #ways: Ways;
  #made = 2;

  private constructor(directory: string, nodes: readonly [PostgresNode, PostgresNode], ways: Ways) {
    this.#directory = directory;
    [this.primary, this.standby] = nodes;
    this.#ways = ways;
  }

  /** Starts a pair with an empty schema. @param directory an empty one. */
  static async start(directory: string): Promise<Pair> {
    const primary = await PostgresNode.create(join(directory, '0'));
    await primary.query(`CREATE SCHEMA ${schema}`);
    const wire = { ...primary.address };
    const stream = await startTcpProxy(wire);
    stream.setDelay(distance);
    const standby = await PostgresNode.follow(primary, join(directory, '1'), stream.port);
    const target = { ...primary.address };
    return new Pair(directory, [primary, standby], { proxy: await startTcpProxy(target), target, stream, wire });
  }

  /** How clients reach the primary, whichever it is. */
  get config(): pg.PoolConfig {
    return { ...this.direct, port: this.#ways.proxy.port };
  }

  /** How to reach the primary that is there now. */
  get direct(): pg.PoolConfig {
    return { ...this.primary.address, options: `-c search_path=${schema}`, max: 6 };
  }

  /** The address of clients as a URL. */
  get url(): string {
    const { host, user, password, database } = this.primary.address;
    const address = `${user}:${password}@${host}:${String(this.#ways.proxy.port)}`;
    return `postgres://${address}/${database}?options=-c%20search_path%3D${schema}`;
  }

  /** Makes the standby the primary, for one that was killed. Clients are not led to it yet. */
  async promote(): Promise<void> {
    const lost = this.primary;
    await this.standby.promote();
    this.primary = this.standby;
    await lost.remove();
  }

  /** Leads new connections to a server. */
  lead(to: PostgresNode): void {
    this.#ways.target.port = to.address.port;
  }

  /** Gives the primary a new standby, while it works. */
  async replaceStandby(): Promise<void> {
    const { stream, wire } = this.#ways;
    wire.port = this.primary.address.port;
    this.standby = await PostgresNode.follow(this.primary, join(this.#directory, String(this.#made)), stream.port);
    this.#made += 1;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.#ways.proxy.close();
    await this.standby.stop();
    await this.#ways.stream.close();
    await this.primary.stop();
  }
}
