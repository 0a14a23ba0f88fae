"""Logins in a notebook: the panel, and the login that runs behind it."""
