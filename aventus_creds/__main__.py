"""``python -m aventus_creds``: the command line."""

from aventus_creds.cli import main

main()
