"""A proxy before a TCP server that does to connections what networks do, exactly when it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable
from contextlib import suppress
from random import Random
from threading import Thread
from typing import Self, TypeVar

T = TypeVar("T")

BOLT_COMMIT = b"\x00\x02\xb0\x12"
"""The message that ends a transaction of Neo4j, with the length before it."""

_CHUNK = 65_536


class _Link:
    """A connection of a client, and the one to the server that goes with it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = client, server
        self.mute = False  # the reply to what was sent last will be lost

    def reset(self) -> None:
        """End both with RST, as if a cable were cut and the host told so: what is on the way is lost."""
        for end in self.ends:
            with suppress(OSError):  # it is closed already
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()


class Proxy:
    """Listens on a port of loopback while it is used as a context manager. Its methods return when what they do is done.

    Parameters
    ----------
    target
        Port of the server behind, on loopback.

    Attributes
    ----------
    port
        Where clients connect; it stays the same.
    counts
        How often what happened: ``accepted``, ``unreachable`` (the server behind did not accept) and ``closed`` count connections,
        ``cut``, ``pause``, ``refuse`` count calls, ``lost reply`` counts replies.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._links: set[_Link] = set()
        self._delay = 0.0
        self._marker = b""
        self._cutting: asyncio.Task[None] | None = None
        self._listening: asyncio.Server | None = None
        self.counts: Counter[str] = Counter()
        self.port = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._flowing = self._do(_open_gate())
        self.accept()
        return self

    def __exit__(self, *error: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset all connections."""
        self._do(self._cut())

    def pause(self) -> None:
        """Let nothing pass: connections are accepted and bytes taken, but none arrive. Neither end is told."""
        self.counts["pause"] += 1
        self._do(_call(self._flowing.clear))

    def resume(self) -> None:
        """Let pass what was held back, and all that follows."""
        self._do(_call(self._flowing.set))

    def delay(self, seconds: float) -> None:
        """Hold each piece of data that arrives from now on for so long, in both directions."""
        self._delay = seconds

    def refuse(self) -> None:
        """Accept no new connections, as if the server had ended. Those that exist go on."""
        self.counts["refuse"] += 1
        self._do(self._stop_listening())

    def accept(self) -> None:
        """Accept new connections."""
        self._do(self._listen())

    def drop_replies_after(self, marker: bytes) -> None:
        """Once: when a client sends the marker, pass it on, wait for the first byte of the reply, lose it and reset the connection.

        The server has carried out the request then, and the client cannot know. Nothing else may be under way on that connection.
        """
        self._marker = marker

    def cut_every(self, random: Random, low: float, high: float) -> None:
        """Reset all connections again and again, after times drawn between two numbers of seconds, until `steady`."""

        async def again() -> None:
            while True:
                await asyncio.sleep(random.uniform(low, high))
                await self._cut()

        self.steady()
        self._cutting = self._do(_start(again()))

    def steady(self) -> None:
        """End `cut_every`."""
        if self._cutting is not None:
            self._do(_call(self._cutting.cancel))
            self._cutting = None

    # ---- inside the loop

    def _do(self, work: Awaitable[T]) -> T:
        async def done() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.close()

    async def _cut(self) -> None:
        self.counts["cut"] += 1
        self._reset(*self._links)

    def _reset(self, *links: _Link) -> None:
        for link in links:
            self._links.discard(link)
            self.counts["closed"] += 1
            link.reset()

    async def _end(self) -> None:
        await self._stop_listening()
        self._reset(*self._links)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            self.counts["unreachable"] += 1
            writer.transport.abort()
            return
        link = _Link(writer, requests)
        self._links.add(link)
        self.counts["accepted"] += 1
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._forth(link, reader, requests), self._back(link, answers, writer))
        if link in self._links:
            self._reset(link)

    async def _forth(self, link: _Link, requests: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        tail = b""
        while data := await requests.read(_CHUNK):
            await self._hold()
            seen = tail + data  # a marker may arrive in two pieces
            if self._marker and self._marker in seen:
                self._marker, link.mute = b"", True
            tail = seen[-len(self._marker) + 1 :] if len(self._marker) > 1 else b""
            server.write(data)
            await server.drain()
        server.write_eof()

    async def _back(self, link: _Link, answers: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while data := await answers.read(_CHUNK):
            await self._hold()
            if link.mute:
                self.counts["lost reply"] += 1
                self._reset(link)
                return
            client.write(data)
            await client.drain()
        client.write_eof()

    async def _hold(self) -> None:
        if self._delay:
            await asyncio.sleep(self._delay)
        await self._flowing.wait()


async def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


async def _call(work: object) -> None:
    assert callable(work)
    work()


async def _start(work: Awaitable[None]) -> asyncio.Task[None]:
    return asyncio.ensure_future(work)  # type: ignore[return-value]
