"""A relay that makes a connection as slow as a long cable would, without touching the network.

Every chunk reaches the other side half a round trip later, and a connection is only opened after the
one and a half round trips TCP takes until a server may speak.
"""

import asyncio
import threading
from pathlib import Path


class Relay:
    def __init__(self, address, rtt):
        self.address = address
        self.rtt = rtt
        self.connections = 0
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        def serve():
            asyncio.set_event_loop(self.loop)
            server = self.loop.run_until_complete(asyncio.start_server(self.accept, "127.0.0.1", 0))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            self.loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        started.wait()

    async def accept(self, near_in, near_out):
        self.connections += 1
        opened = self.loop.time()
        await asyncio.sleep(self.rtt * 1.5)
        far_in, far_out = await asyncio.open_connection(self.address, 22)
        # What the client sent already has been on its way all the while.
        await asyncio.gather(self.pass_on(near_in, far_out, opened + self.rtt), self.pass_on(far_in, near_out, 0))

    async def pass_on(self, source, sink, not_before):
        queue = asyncio.Queue()

        async def read():
            while True:
                try:
                    data = await source.read(65536)
                except OSError:
                    data = b""
                queue.put_nowait((max(self.loop.time(), not_before) + self.rtt / 2, data))
                if not data:
                    return

        async def write():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                try:
                    if not data:
                        sink.close()
                        return
                    sink.write(data)
                    await sink.drain()
                except OSError:
                    return

        await asyncio.gather(read(), write())


def remove(lab, rtt):
    """Makes a lab's only host as far away as so many milliseconds of round trip."""
    name, address = lab.hosts[0]
    relay = Relay(address, rtt / 1000)
    lines = Path(lab.known).read_text().splitlines()
    key = next(line.split(None, 1)[1] for line in lines if line.startswith(address) or name in line)
    known = lab.work / "known_hosts"
    known.write_text(f"[127.0.0.1]:{relay.port} {key}\n")
    text = lab.inventory.read_text()
    text = text.replace(f"ansible_host={address}", f"ansible_host=127.0.0.1 ansible_port={relay.port}")
    lab.inventory.write_text(text.replace(lab.known, str(known)).replace("ansible_port=22\n", ""))
