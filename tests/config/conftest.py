"""A factory of real conf folders."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from ipyproject.config import ConfigLoader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def write_conf(tmp_path):
    """Write files below ``conf/`` (``base/`` is always made) and return that folder."""

    def write(files: dict[str, str | bytes]) -> Path:
        conf = tmp_path / "conf"
        (conf / "base").mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            file = conf / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
        return conf

    return write


@pytest.fixture
def load(write_conf):
    """Write files below ``conf/`` and open them."""

    def open_conf(files: dict[str, str | bytes], **options) -> ConfigLoader:
        return ConfigLoader(write_conf(files), **options)

    return open_conf
