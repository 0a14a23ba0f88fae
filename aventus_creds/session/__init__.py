"""What the user works with: a requests.Session that is authorised for one API."""
