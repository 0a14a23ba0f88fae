"""Who is measured: the floor (bare requests), this library and its peers, each in a small file of its own.

Each file has the same three functions. Libraries are imported at its top, as a script does; what only
``cache_token`` needs is imported there, for that is never measured.

    cache_token(folder, url)   put a token into the cache, as the library itself does. Not measured
    caller(folder, url)        read the cache, and return what makes one API call with it
    authorizer(folder, url)    return what puts the token into one prepared request

``folder`` is the peer's own, ``url`` the server's. Each way is the fastest that the library's own
documentation shows for a token that is already there; the file's first lines name the place.
"""

FLOOR = "requests"
OURS = "aventus_creds"

FILES = {
    FLOOR: "floor",
    OURS: "ours",
    "requests-auth": "requests_auth",
    "requests-oauthlib": "requests_oauthlib",
    "requests_oauth2client": "requests_oauth2client",
    "Authlib": "authlib",
    "google-auth": "google_auth",
    "msal": "msal",
}
"""Where each one is, by the name that the table gives it."""

PACKAGES = {
    FLOOR: "requests",
    OURS: "aventus_creds",
    "requests-auth": "requests_auth",
    "requests-oauthlib": "requests_oauthlib",
    "requests_oauth2client": "requests_oauth2client",
    "Authlib": "authlib.integrations.requests_client",
    "google-auth": "google.auth.transport.requests",
    "msal": "msal_extensions",
}
"""What a script that uses it imports."""
