"""The program aventus-creds."""
