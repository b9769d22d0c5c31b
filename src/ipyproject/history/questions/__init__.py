"""What is asked of the record, for notebooks, scripts and the command line."""
