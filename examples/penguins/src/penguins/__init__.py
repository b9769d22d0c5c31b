"""Tell penguin species apart by their measurements."""

__version__ = "0.1.0"
