"""Where runs are computed: beside the commits in this process, or by workers of dask.distributed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

SECONDS_TO_CONNECT = 20
OURS = "xpcs-mask-bluesky"
ONE_THREAD = {"NPROC": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Each worker keeps to a core: XLA, ours and numpy's threads. Told to the worker's process alone."""


@dataclass(frozen=True)
class Computing:
    """An executor, and how many works it does at a time."""

    executor: Executor
    at_once: int
    client: Any = None
    """dask's, where there is one."""

    def share(self, value: Any) -> Any:
        """Return what stands for a value in the arguments of a work: it is sent to each worker once."""
        if self.client is None:
            return value
        return self.client.scatter([value], broadcast=True, hash=False)[0]

    def submit(self, function: Any, *arguments: Any) -> Future[Any]:
        """Start a work."""
        return self.executor.submit(function, *arguments)

    def result(self, future: Future[Any]) -> Any:
        """Return what a work returned, or raise what it raised.

        Raises:
            ConnectionError: its worker, or the scheduler, went away.
        """
        if self.client is None:
            return future.result()
        from distributed import KilledWorker

        try:
            return future.result()
        except (KilledWorker, CancelledError) as error:
            raise ConnectionError(f"the workers of dask went away: {error}") from error


@contextmanager
def computing(workers: int = 0, scheduler: str | None = None) -> Iterator[Computing]:
    """Yield where to compute.

    Args:
        workers: Processes to start on this machine, of one thread each; 0 for a thread of this process.
        scheduler: Address of a scheduler of dask's that has workers already.

    Raises:
        ValueError: both are given, or a negative number.
        ModuleNotFoundError: dask.distributed is not installed.
        ConnectionError: the scheduler does not answer, or has no worker that can do it.
    """
    if workers < 0 or (workers and scheduler):
        raise ValueError(
            f"expected a number of workers to start, or a scheduler; got {workers} and {scheduler}"
        )
    if not workers and scheduler is None:
        with ThreadPoolExecutor(1, "xpcs-mask-compute") as executor:
            yield Computing(executor, 1)
        return
    try:
        import distributed
    except ModuleNotFoundError as error:
        needed = "pip install 'xpcs-mask-bluesky[dask]'"
        raise ModuleNotFoundError(f"workers need dask.distributed: {needed}") from error
    del distributed
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with _started(workers) if scheduler is None else _connected(scheduler) as client:
        yield Computing(client.get_executor(pure=False, retries=0), _threads(client), client)


@contextmanager
def _started(workers: int) -> Iterator[Any]:
    """Yield a client of workers of ours, which nobody else on this machine can talk to."""
    from dask import config
    from distributed import Client, LocalCluster
    from distributed.security import Security

    # dask's own environment trims freed memory at once, so that the maps' pages are cleared anew each time
    with config.set({"distributed.nanny.pre-spawn-environ": worker_environment()}):
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls",
            security=Security.temporary(),
            dashboard_address=":0",
            memory_limit=0,
            silence_logs=logging.ERROR,
        )
    with cluster, Client(cluster) as client:
        yield client


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    from distributed import Client

    try:
        with Client(scheduler, timeout=SECONDS_TO_CONNECT) as client:
            _check(client, scheduler)
            yield client
    except (OSError, ValueError) as error:
        if isinstance(error, ConnectionError):
            raise
        raise ConnectionError(f"no scheduler of dask answers at {scheduler}: {error}") from error


def _check(client: Any, scheduler: str) -> None:
    """Raise unless all workers have this package in this version."""
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_CONNECT)
    except (OSError, TimeoutError) as error:
        raise ConnectionError(f"the scheduler {scheduler} has no worker") from error
    ours = metadata.version(OURS)
    for address, theirs in client.run(version_of, OURS).items():
        if theirs != ours:
            said = f"{OURS} {theirs}" if theirs else f"no {OURS}"
            raise ConnectionError(f"the worker {address} has {said}, this process has {ours}")


def version_of(package: str) -> str:
    """Return the version of a package here, or nothing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def worker_environment() -> dict[str, str]:
    """Return what the environment of a worker has beside that of this process."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return {**ONE_THREAD, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


def _threads(client: Any) -> int:
    return sum(client.nthreads().values())
