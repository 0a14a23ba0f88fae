"""A person logs in, and out: one attempt, in a browser or on another device."""
