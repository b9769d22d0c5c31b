"""The data catalog: names for data, and how each is loaded and saved."""

from __future__ import annotations

from ipyproject.catalog.catalog import Catalog
from ipyproject.catalog.dataset import Dataset, MemoryDataset
from ipyproject.catalog.files import FileDataset

__all__ = ["Catalog", "Dataset", "FileDataset", "MemoryDataset"]
