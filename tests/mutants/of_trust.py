"""What https connections trust: one context for a process."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

TRUST: Final = "basics/trust.py"
TEST: Final = "session/test_trust.py"

ROWS: Final[tuple[Mutant, ...]] = (
    out(
        "trust-of-the-bundle",
        "shared-trust",
        TRUST,
        "key = (ssl_.SSLContext, *map(_version, files))",
        "key = (ssl_.SSLContext, ())",
        f"{TEST}::test_another_profiles_bundle",
        f"{TEST}::test_verify_by_the_call",
        f"{TEST}::test_a_client_certificate",
        also=(Edit(TRUST, "if found is None or key[1:] != (*map(_version, files),):", "if found is None:"),),
        doubled="what was replaced while it was read is not kept",
    ),
    out(
        "trust-of-the-content",
        "shared-trust",
        TRUST,
        "    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size\n",
        "    return (hash(path),)\n",
        f"{TEST}::test_a_changed_bundle",
    ),
    out(
        "trust-of-a-folder",
        "shared-trust",
        TRUST,
        "    if not stat.S_ISREG(status.st_mode):\n        return None\n",
        "",
        f"{TEST}::test_a_folder_of_authorities_is_requests_own",
    ),
    out(
        "trust-of-an-own-adapter",
        "shared-trust",
        TRUST,
        '"shares_trust" in vars(type(self))',
        "True",
        f"{TEST}::test_an_own_adapter_has_contexts_of_its_own",
    ),
    out(
        "trust-of-a-patched-pool",
        "shared-trust",
        TRUST,
        ' and "ssl_context" not in self.poolmanager.connection_pool_kw',
        "",
        f"{TEST}::test_a_context_for_all_pools_is_kept",
    ),
    out(
        "trust-of-a-proxy",
        "shared-trust",
        TRUST,
        '.lower().startswith("https:"):',
        '.lower().startswith("nothing:"):',
        f"{TEST}::test_through_a_proxy_with_tls_of_its_own",
    ),
    out(
        "trust-in-a-forked-child",
        "shared-trust",
        TRUST,
        "_loading: Final = ForkLock()",
        "import threading\n\n_loading: Final = threading.Lock()",
        f"{TEST}::test_a_forked_child",
    ),
    out(
        "trust-piles-up",
        "shared-trust",
        TRUST,
        "            while len(_contexts) >= MOST:\n",
        "            while False:\n",
        f"{TEST}::test_contexts_do_not_pile_up",
    ),
)
