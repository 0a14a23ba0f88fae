"""Tokens in a Redis or in a keyring, and which store is used."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

SEALING: Final = "stores/redis/sealing.py"
REDIS: Final = "stores/redis/store.py"
LOCK: Final = "stores/redis/lock.py"
ADDRESS: Final = "stores/redis/address.py"
ENTRIES: Final = "stores/keyring/entries.py"
MOVE: Final = "cli/stores.py"
TEST_SEALING: Final = "stores/test_redis_sealing.py"
TEST_LOCK: Final = "stores/test_redis_lock.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # Sealing
    out(
        "sealed",
        "sealed",
        REDIS,
        "self._seal.seal(self._names(key).entry, encode(key, token))",
        "b'\\x01' * STAMP + encode(key, token)",
        f"{TEST_SEALING}::test_no_token_is_readable_in_redis",
    ),
    out(
        "sealed-bound",
        "sealed-bound",
        SEALING,
        'return b"aventus-creds " + version + name.encode()',
        'return b"aventus-creds " + version',
        f"{TEST_SEALING}::test_what_was_changed_cut_or_moved_does_not_open",
    ),
    out(
        "sealed-bound-to-the-prefix",
        "sealed-bound",
        REDIS,
        "self._seal.seal(self._names(key).entry, encode(key, token))",
        "self._seal.seal(key, encode(key, token))",
        f"{TEST_SEALING}::test_an_entry_is_bound_to_its_prefix",
        also=(
            Edit(
                REDIS, "self._seal.open(self._names(key).entry, kept, key)", "self._seal.open(key, kept, key)"
            ),
        ),
        doubled="not doubled: an entry is opened under the name that it was sealed with",
    ),
    out(
        "nonce-once",
        "nonce-once",
        SEALING,
        "nonce = os.urandom(NONCE)",
        "nonce = bytes(NONCE)",
        f"{TEST_SEALING}::test_what_is_sealed_opens_again",
    ),
    out(
        "key-lost",
        "key-lost",
        SEALING,
        "        raise unreadable(key or name)\n",
        '        return b""\n',
        f"{TEST_SEALING}::test_what_was_changed_cut_or_moved_does_not_open",
    ),
    out(
        "key-lost-is-no-logout",
        "key-lost",
        REDIS,
        "token = decode(key, self._seal.open(self._names(key).entry, kept, key))",
        "try:\n            token = decode(key, self._seal.open(self._names(key).entry, kept, key))\n"
        "        except StoreError:\n            return None",
        f"{TEST_SEALING}::test_an_entry_that_no_key_opens_is_an_error_until_the_next_login",
    ),
    out(
        "key-rotation",
        "key-rotation",
        SEALING,
        "for key in keys.reveal()]",
        "for key in keys.reveal()[:1]]",
        f"{TEST_SEALING}::test_keys_are_rotated",
    ),
    out(
        "key-length",
        "sealed",
        SEALING,
        "return raw if len(raw) == 32 else None",
        "return raw",
        f"{TEST_SEALING}::test_a_wrong_key_is_refused_and_not_shown",
    ),
    # Locks in Redis
    out(
        "compare-and-set",
        "compare-and-set",
        "stores/redis/scripts.py",
        "if stamp ~= '' and stamp ~= ARGV[2] then",
        "if false then",
        f"{TEST_LOCK}::test_a_late_holder_does_not_overwrite",
    ),
    out(
        "deletion-marked",
        "compare-and-set",
        REDIS,
        "self._replace(key, DELETED + os.urandom(NONCE), REMEMBERED)",
        "self._call(lambda client: client.delete(self._names(key).entry))",
        f"{TEST_LOCK}::test_a_late_holder_does_not_undo_a_logout",
    ),
    out(
        "save-needs-lock",
        "save-needs-lock",
        REDIS,
        "if key not in self._mine.held:",
        "self._mine.seen.setdefault(key, b'')\n        if False:",
        f"{TEST_LOCK}::test_a_save_needs_the_lock",
    ),
    out(
        "lock-extended",
        "dead-holder",
        LOCK,
        "self.reacquire()",
        "pass",
        f"{TEST_LOCK}::test_a_lock_is_extended_while_it_is_held",
    ),
    out(
        "lock-lapses",
        "dead-holder",
        LOCK,
        "redis.call('set', KEYS[2], ARGV[1], 'px', ARGV[2])",
        "redis.call('set', KEYS[2], ARGV[1])",
        f"{TEST_LOCK}::test_a_dead_holders_lock_lapses",
    ),
    out(
        "lock-excludes",
        "one-refresh-everywhere",
        LOCK,
        "if not holder or holder == ARGV[1] then",
        "if true then",
        f"{TEST_LOCK}::test_a_lock_that_is_freed_without_a_save_goes_to_one_waiter",
    ),
    out(
        "fork-and-redis-lock",
        "fork-store",
        LOCK,
        "if self._process == os.getpid():  # after a fork",
        "if True:  # after a fork",
        f"{TEST_LOCK}::test_a_fork_while_the_lock_is_held",
    ),
    # The way to Redis
    out(
        "clear-password",
        "way-to-redis",
        ADDRESS,
        "if address.exposes_password:",
        "if False:",
        f"{TEST_SEALING}::test_a_password_in_the_clear_is_warned_of",
    ),
    out(
        "rediss-name",
        "way-to-redis",
        "stores/redis/options.py",
        'found.setdefault("ssl_check_hostname", checked)',
        'found.setdefault("ssl_check_hostname", False)',
        "stores/test_redis_tls.py::test_a_certificate_for_another_name_is_refused",
    ),
    out(
        "redis-words",
        "foreign-words",
        REDIS,
        "error = explain(fault, self._place, self._prefix, self._address.secrets)",
        "error = explain(fault, self._place, self._prefix, ())",
        "stores/test_redis_answers.py::test_a_redis_that_knows_no_hello_and_says_the_arguments_back",
    ),
    out(
        "redis-in-the-repr",
        "store-secrets",
        REDIS,
        'return f"<RedisStore at {self._place}>"',
        'return f"<RedisStore at {self._address.url}>"',
        f"{TEST_SEALING}::test_a_store_shows_where_it_is_and_no_password",
    ),
    out(
        "redis-url-in-a-message",
        "store-secrets",
        ADDRESS,
        'f"the Redis URL ({scheme}://…) has',
        'f"the Redis URL ({url}) has',
        f"{TEST_SEALING}::test_a_url_that_is_none_is_refused_and_not_shown",
    ),
    out(
        "key-in-a-message",
        "store-secrets",
        SEALING,
        'f"encryption key {number} of {len(keys)} is',
        'f"encryption key {key} is',
        f"{TEST_SEALING}::test_a_wrong_key_is_refused_and_not_shown",
    ),
    # The keyring, and which store
    out(
        "keyring-plaintext",
        "keyring-or-nothing",
        ENTRIES,
        'if any("plaintext" in base.__name__.lower() for base in type(chosen).__mro__):',
        "if False:",
        "stores/test_keyring_faults.py::test_what_keeps_no_secrets_is_refused",
    ),
    out(
        "keyring-null",
        "keyring-or-nothing",
        ENTRIES,
        'if name.startswith("keyring.backends.null."):',
        "if False:",
        "stores/test_keyring_faults.py::test_what_keeps_no_secrets_is_refused",
    ),
    out(
        "keyring-forgets",
        "keyring-or-nothing",
        "stores/keyring/store.py",
        "if entries.get(key) != text:",
        "if False:",
        "stores/test_keyring_faults.py::test_a_backend_that_forgets_is_noticed",
    ),
    out(
        "keyring-words",
        "foreign-exception",
        ENTRIES,
        "system's keyring failed: {type(fault).__name__}",
        "system's keyring failed: {fault}",
        "stores/test_keyring_faults.py::test_every_fault_is_a_store_error",
    ),
    out(
        "store-unknown",
        "store-choice",
        "stores/opening.py",
        "if named and named not in STORES:",
        "if False:",
        "stores/test_choosing_a_store.py::test_an_unknown_store_in_the_environment",
    ),
    out(
        "store-first",
        "store-choice",
        "stores/opening.py",
        "return named or (profile.store.type",
        "return (profile.store.type",
        "stores/test_choosing_a_store.py::test_the_environment_goes_before_the_profile_and_that_before_the_table",
    ),
    out(
        "move-verified",
        "store-move",
        MOVE,
        "if new.load(profile.key) != token:",
        "if False:",
        "stores/test_store_move.py::test_a_target_that_fails_at_any_step_loses_nothing",
    ),
    out(
        "move-newer",
        "store-move",
        MOVE,
        "newer = there is not None and there.obtained_at > token.obtained_at",
        "newer = False",
        "stores/test_store_move.py::test_the_newer_login_stays",
    ),
    out(
        "move-locked",
        "store-move",
        MOVE,
        "held.enter_context(locks[kind].lock(profile.key))",
        "pass",
        "stores/test_store_move.py::test_it_waits_for_a_refresh_under_way",
    ),
)
