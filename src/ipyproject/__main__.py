"""``python -m ipyproject``."""

from ipyproject.cli import main

if __name__ == "__main__":
    main()
