"""Where sessions are kept: SQLite files and PostgreSQL servers."""
