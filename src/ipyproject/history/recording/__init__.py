"""How a session is taken down: in its store, or in a file beside it while the store fails."""
