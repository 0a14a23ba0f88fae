"""Helpers that know nothing of OAuth: URLs, files, forks, secrets in variables, the terminal."""
