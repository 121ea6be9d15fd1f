"""Programs that the tests start, kill and starve: ``python -m tests.faults.writing NAME ARGUMENT...``."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from graph.errors import Unavailable
from graph.records import Customer, CustomerId, Purchase
from graph.stores.sqlite import SqliteStore


def say(*words: object) -> None:
    print(*words, flush=True)


def order(id: str, customer: str) -> list[Purchase]:
    """Two lines that belong together: both are stored, or none."""
    return [Purchase(id=f"{id}-{line}", customer=customer, product="p", order=id) for line in "ab"]


def share(path: str, name: str, times: str) -> None:
    """Write what all processes write and what only this one does; say how much of it was new."""
    store = SqliteStore(Path(path))
    say("open")
    sys.stdin.readline()
    changed = 0
    for n in range(int(times)):
        mine = Purchase(id=f"{name}-{n}", customer=f"c{n}", product="p")
        changed += store.write([Purchase(id=f"all-{n}", customer=f"c{n}", product=f"p{n}"), mine]).changed
    say(changed)
    store.close()


def increment(path: str, times: str) -> None:
    """Count in a record, in transactions of one name."""
    store = SqliteStore(Path(path))
    for _ in range(int(times)):
        with store.exclusive("counter") as transaction:
            known = transaction.get(Customer, ("counter",))
            so_far = known.birth_year or 0 if known else 0
            transaction.write([Customer(id="counter", birth_year=so_far + 1)])
    store.close()


def flood(path: str, name: str) -> None:
    """Write orders and forget people until killed; say what is acknowledged."""
    store = SqliteStore(Path(path))
    for n in count():
        customer = f"{name}-{n // 4}"
        store.write(order(f"{name}-{n}", customer))
        say("wrote", f"{name}-{n}", customer)
        if n % 16 == 15:
            store.forget(CustomerId(customer))
            say("forgot", customer)


def starve(path: str, size: str) -> None:
    """Write until files may not grow further; then read, get room, and write again. Say what was acknowledged."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteStore(Path(path))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), resource.RLIM_INFINITY))
    for n in count():
        try:
            store.write(order(f"{n}", f"c{n}"))
        except Unavailable as error:
            say("refused", n, error)
            break
        say("wrote", n)
    say("found", sum(len(batch) for batch in store.read(Purchase)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.write(order("again", "c0"))
    say("wrote", "again")


def write(path: str, id: str, customer: str) -> None:
    """Write one purchase."""
    SqliteStore(Path(path)).write([Purchase(id=id, customer=customer, product="p")])


def forget(path: str, customer: str) -> None:
    """Forget a customer."""
    SqliteStore(Path(path)).forget(CustomerId(customer))


PROGRAMS: dict[str, Callable[..., None]] = {
    program.__name__: program for program in (share, increment, flood, starve, write, forget)
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
