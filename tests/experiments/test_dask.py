"""A real dask scheduler with two workers, on loopback addresses."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import sessim
from tests.experiments import cases
from tests.experiments.test_running import equal

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_changes_nothing_even_if_a_worker_is_killed(client: Any) -> None:
    equal(sessim.replicate(cases.plan(), 60, 7, client), cases.replications())
    pid = next(iter(client.run(os.getpid).values()))
    killed = threading.Event()

    class Bar:
        def update(self, n: int) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(pid, signal.SIGKILL)

        def close(self) -> None: ...

    executor = client.get_executor()
    found = sessim.replicate(cases.plan(), 600, 7, executor, progress=lambda **_: Bar())
    assert killed.is_set()
    equal(found, sessim.replicate(cases.plan(), 600, 7))


def test_a_cluster_that_goes_away_is_one_sentence_and_nothing_finished_is_lost(
    client: Any,
) -> None:
    class Bar:
        done = 0

        def update(self, n: int) -> None:
            self.done += n
            if self.done >= 40:
                client.cluster.close()

        def close(self) -> None: ...

    with pytest.raises(sessim.ReplicationError) as error:
        sessim.replicate(cases.plan(), 4000, 7, client, progress=lambda **_: Bar())
    kept = error.value.finished
    assert 40 <= len(kept) < 4000
    assert str(error.value).startswith("executor: the cluster is gone, or was closed (")
    assert str(error.value).endswith(f"); {len(kept):,} of 4,000 replications are finished")
    same = sessim.replicate(cases.plan(), len(kept), 7)
    assert kept.finish["sent"].iloc[0] == same.finish["sent"].iloc[0]
