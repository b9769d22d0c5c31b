"""Fixtures for all tests."""

pytest_plugins = ["ipyproject.testing"]
