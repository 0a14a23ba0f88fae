"""What the user holds: a requests.Session that is authorised for one API."""
