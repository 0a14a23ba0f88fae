"""``python -m aventus_creds``: the program."""

from aventus_creds.command import main

main()
