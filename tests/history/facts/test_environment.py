from __future__ import annotations

import pytest

from ipyproject.history.facts.environment import notebook_name, recorded_environment


def test_kept_variables() -> None:
    """Our own variables and those that are named are kept, sorted and without secrets; all others are not."""
    environ = {
        "SPARK_TOKEN": "x",
        "SPARK_HOME": "/spark",
        "HOME": "/root",
        "IPYPROJECT_SESSION_STORE": "postgresql://u:x@h/db",
        "IPYPROJECT_ENV": "prod",
        "STAGE": "test",
        "STAGED": "no",
    }
    kept = recorded_environment(["SPARK_*", "STAGE", "MISSING"], environ=environ)
    assert list(kept.items()) == [
        ("IPYPROJECT_ENV", "prod"),
        ("IPYPROJECT_SESSION_STORE", "postgresql://u:***@h/db"),
        ("SPARK_HOME", "/spark"),
        ("SPARK_TOKEN", "***"),
        ("STAGE", "test"),
    ]


def test_the_process_own_variables(monkeypatch) -> None:
    """By default they are those of the process."""
    monkeypatch.setenv("IPYPROJECT_A_PASSWORD", "x")
    assert recorded_environment()["IPYPROJECT_A_PASSWORD"] == "***"


@pytest.mark.parametrize(
    ("namespace", "environ", "expected"),
    [
        ({"__vsc_ipynb_file__": "/a/b.ipynb"}, {"JPY_SESSION_NAME": "/c.ipynb"}, "/a/b.ipynb"),
        ({}, {"JPY_SESSION_NAME": "/c/Untitled 1.ipynb"}, "/c/Untitled 1.ipynb"),
        ({}, {"JPY_SESSION_NAME": "/c/console-1-4f7c2a"}, None),
        ({"__vsc_ipynb_file__": None}, {}, None),
        ({}, {}, None),
    ],
)
def test_the_notebook(namespace, environ, expected) -> None:
    """VS Code tells in the namespace, a Jupyter server in the environment, others not at all."""
    assert notebook_name(namespace, environ) == expected
