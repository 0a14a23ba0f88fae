"""Where a token comes from: one small interface, and sources that wrap each other."""
