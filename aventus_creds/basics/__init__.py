"""What knows nothing of OAuth: addresses, files, forks, secrets in variables, the terminal."""
