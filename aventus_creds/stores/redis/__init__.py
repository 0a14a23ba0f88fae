"""The store that many machines share, in a Redis."""
