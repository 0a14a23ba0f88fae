"""The store in the system's keyring."""
