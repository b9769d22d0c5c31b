"""Text and HTML of the things people look at: pure functions, object -> string."""
