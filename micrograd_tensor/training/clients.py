"""Clients of Dask's workers: which one can be worked with, and what it gives, or in one line why it gives nothing."""

from __future__ import annotations

from typing import Any

from ..engine.errors import quoted

PATIENCE = 30.0
"""The seconds to wait for a result before asking whether there are workers, and again before giving up."""


def usable(client: Any, what: str) -> Any:
    """The client, or None where none is asked for.

    Raises:
        TypeError: for anything but a client whose methods wait for their results.
        RuntimeError: for one that is closed, or has lost its scheduler.
    """
    if client is None:
        return None
    if not hasattr(client, "submit") or not hasattr(client, "scheduler_info"):
        way = "cluster.get_client()" if hasattr(client, "get_client") else "distributed.Client(…)"
        raise TypeError(f"{what}: {quoted(client)} is no client of Dask's; give {way}")
    if client.asynchronous:
        raise TypeError(f"{what}: the client is asynchronous; give one without asynchronous=True")
    if client.status != "running":
        raise RuntimeError(f"{what}: the client is {client.status}; make a new one, distributed.Client(…)")
    return client


def value(client: Any, future: Any, what: str) -> Any:
    """What a future becomes.

    Raises:
        RuntimeError: where the client is closed meanwhile, or there have been no workers for a while.
        Exception: that of the task itself.
    """
    alone = False
    while True:
        try:
            return future.result(timeout=PATIENCE)
        except Exception as error:
            usable(client, what)
            if not isinstance(error, TimeoutError) or future.done():
                raise
        if client.nthreads():
            alone = False
        elif alone:
            raise RuntimeError(
                f"{what}: the client has had no workers for {PATIENCE:g} seconds; start some, "
                "distributed.LocalCluster(n_workers=2)"
            )
        else:
            alone = True


def awake(client: Any, what: str) -> Any:
    """The client once a worker is there, which a cluster may start on demand; None where no client is asked for.

    Raises:
        TypeError, RuntimeError: as `usable` and `value` do.
    """
    if usable(client, what) is not None:
        value(client, client.submit(int, pure=False), what)
    return client
