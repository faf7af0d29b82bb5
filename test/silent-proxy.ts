import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A way to a server that can fall silent as a host does that is gone, or a network that drops
 * packets: connections stay open, new ones are taken, and nothing is ever heard on them. Those of
 * that time stay silent for ever.
 */
export async function startSilentProxy(target: { host: string; port: number }) {
  const sockets = new Set<Socket>();
  let isSilent = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Either end may break off at any time: that is what this is for.
    socket.on('error', () => socket.destroy());
  };
  const server = createServer((socket) => {
    keep(socket);
    if (isSilent) return socket.resume();
    const upstream = connect(target);
    keep(upstream);
    socket.pipe(upstream).pipe(socket);
    return upstream;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    fallSilent() {
      isSilent = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
      }
    },
    speak() {
      isSilent = false;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
