"""A relay that makes a connection as slow as a long cable would, without touching the network.

Every chunk reaches the other side half a round trip later, and a connection is only opened after the
one and a half round trips TCP takes until a server may speak.
"""

import asyncio
import threading


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
