/** Owns clients of the fan-out benchmark, in a process of their own: bare connections that only see whether an event has come. */
import { connect, type Socket } from 'node:net';

interface Order {
  readonly connect?: { readonly port: number; readonly count: number };
  /** Wait until each of them has got one event more. */
  readonly expect?: number;
}

const mark = Buffer.from('event: commit');
const batch = 100;
const groups = new Map<number, { readonly sockets: Set<Socket>; arrived: number; expected: number }>();

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  const request = 'GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n';
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject).once('data', () => resolve());
    socket.write(request);
  });
  return socket.on('data', (data) => {
    if (data.includes(mark)) arrive(port);
  });
}

function arrive(port: number): void {
  const group = groups.get(port);
  if (group === undefined) return;
  group.arrived += 1;
  if (group.arrived !== group.expected) return;
  process.send?.({ arrivedAt: String(process.hrtime.bigint()) });
}

process.on('message', (order: Order) => {
  void obey(order);
});

async function obey({ connect: wanted, expect: port }: Order): Promise<void> {
  if (wanted !== undefined) {
    const { sockets } = groups.get(wanted.port) ?? { sockets: new Set<Socket>() };
    groups.set(wanted.port, { sockets, arrived: 0, expected: 0 });
    for (let left = wanted.count; left > 0; left -= batch) {
      const opened = await Promise.all(Array.from({ length: Math.min(batch, left) }, () => open(wanted.port)));
      for (const socket of opened) sockets.add(socket);
    }
    process.send?.({ connected: sockets.size });
  } else if (port !== undefined) {
    const group = groups.get(port);
    if (group !== undefined) Object.assign(group, { arrived: 0, expected: group.sockets.size });
    process.send?.({ ready: true });
  }
}
