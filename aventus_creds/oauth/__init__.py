"""Talks to an authorization server: requests and answers as pure values, and the one client that sends them."""
