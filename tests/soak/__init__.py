"""Everything goes wrong at once, for as long as you like: python -m tests.soak --help."""
