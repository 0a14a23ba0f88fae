"""What a notebook shows: the panel, and the login behind it."""
