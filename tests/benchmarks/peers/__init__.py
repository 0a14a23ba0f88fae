"""The measured libraries: the floor (bare requests), this library and its peers, each in its own small file.

Each file has the same three functions. It imports the library at the top, as a script does. Imports that only
``cache_token`` needs are inside it, because it is never measured.

    cache_token(folder, url)   put a token into the cache as the library itself does. Not measured
    caller(folder, url)        read the cache, and return a function that makes one API call
    authorizer(folder, url)    return a function that puts the token into a prepared request

``folder`` is the folder of the peer, ``url`` the URL of the server. Each file uses the fastest way that the
documentation of the library shows for an existing token. The first lines of the file name the chapter.
"""

FLOOR = "requests"
OURS = "aventus_creds"
HAND = "hand-rolled"
"""Bare requests with a cache, a lock and a refresh, as somebody writes them who needs no comfort."""

FILES = {
    FLOOR: "floor",
    OURS: "ours",
    HAND: "hand_rolled",
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
