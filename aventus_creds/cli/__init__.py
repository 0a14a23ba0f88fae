"""The program aventus-creds: its commands, and how they report errors."""
