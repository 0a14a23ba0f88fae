"""The store in Redis, which many machines can share."""
