"""Logging in, in a browser or on another device, and logging out."""
