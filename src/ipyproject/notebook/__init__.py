"""The IPython extension. Only this package imports IPython."""
