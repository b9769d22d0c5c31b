"""The installed package's own command: ``penguins run``, or ``python -m penguins run``."""

from __future__ import annotations

from ipyproject.cli import main as cli_main


def main() -> None:
    """Run the command line of ipyproject on this package."""
    cli_main(package_name="penguins")


if __name__ == "__main__":
    main()
