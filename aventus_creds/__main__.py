"""``python -m aventus_creds``: the program."""

from aventus_creds.cli.program import main

main()
