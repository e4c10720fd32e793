// A connection to the daemon that can be cut in the middle of a stream, and mended.

import { connect, createServer } from "node:net";

export async function layWire({ hostname, port }) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [socket, peer] of [[near, far], [far, near]]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => { sockets.delete(socket); peer.destroy(); });
      socket.pipe(peer);
    }
  });
  const listen = (at) => new Promise((resolve) => { server.listen(at, "127.0.0.1", resolve); });
  await listen(0);
  const at = server.address().port;
  const wire = {
    address: `http://127.0.0.1:${at}`,
    wasCut: false,
    cut() {
      wire.wasCut = true;
      server.close();
      for (const socket of sockets) socket.destroy();
    },
    mend: () => listen(at),
  };
  return wire;
}
