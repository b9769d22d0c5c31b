"""Run a chain of nodes that do nothing, and print the milliseconds that it takes: ``chain.py TOOL NODES``.

Executed by ``processes.py`` in a process of its own; a short chain goes first. What the reference logs for each node
would take longer than all else that it does, so nothing is logged.
"""

from __future__ import annotations

import logging
import sys
from time import perf_counter
from typing import Any


def same(data: Any) -> Any:
    """Do nothing."""
    return data


def our_milliseconds(count: int) -> float:
    """Run a chain of so many nodes with our sequential runner."""
    from ipyproject.catalog import Catalog
    from ipyproject.catalog.run_catalog import for_run
    from ipyproject.pipeline import Node, Pipeline
    from ipyproject.runners import SequentialRunner

    pipeline = Pipeline([Node(same, f"data_{n}", f"data_{n + 1}", name=f"node_{n}") for n in range(count)])
    catalog = for_run(Catalog({"data_0": 1}), save_version="now")
    begun = perf_counter()
    SequentialRunner().run(pipeline, catalog)
    return _checked(perf_counter() - begun, catalog.load(f"data_{count}"))


def reference_milliseconds(count: int) -> float:
    """Run the same with the reference's."""
    from kedro.io import DataCatalog, MemoryDataset
    from kedro.pipeline import Node, Pipeline
    from kedro.runner import SequentialRunner

    logging.disable(logging.CRITICAL)
    pipeline = Pipeline([Node(same, f"data_{n}", f"data_{n + 1}", name=f"node_{n}") for n in range(count)])
    catalog = DataCatalog({"data_0": MemoryDataset(1), f"data_{count}": MemoryDataset()})
    begun = perf_counter()
    SequentialRunner().run(pipeline, catalog)
    return _checked(perf_counter() - begun, catalog.load(f"data_{count}"))


def _checked(seconds: float, result: Any) -> float:
    if result != 1:
        raise SystemExit(f"The chain was not run: it gave {result!r}.")
    return seconds * 1000


def main(tool: str, count: int) -> None:
    """Run a short chain and a long one."""
    milliseconds = our_milliseconds if tool == "ipyproject" else reference_milliseconds
    milliseconds(10)
    print(f"\n{milliseconds(count)}")


main(sys.argv[1], int(sys.argv[2]))
