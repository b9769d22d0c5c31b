"""What is found out about a session: its process, its code, its packages, its errors."""
