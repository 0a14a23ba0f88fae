"""Tokens in private files."""

from __future__ import annotations

from typing import Final

from .mutant import Edit, Mutant, out

FOLDER: Final = "basics/private_folder.py"
FILES: Final = "basics/files.py"
STORE: Final = "stores/file.py"
RECORD: Final = "stores/record.py"
TEST_FILE: Final = "stores/test_file_store.py"
TEST_USER: Final = "hostile/test_hostile_user.py"
TEST_MODES: Final = "stores/test_modes_meanwhile.py"

ROWS: Final[tuple[Mutant, ...]] = (
    # Modes and owners
    out(
        "file-mode",
        "private-files",
        FILES,
        "mode: int = 0o600",
        "mode: int = 0o644",
        f"{TEST_FILE}::test_modes_from_the_start",
    ),
    out(
        "folder-mode",
        "private-files",
        FOLDER,
        "self.path.mkdir(mode=0o700, exist_ok=True)",
        "self.path.mkdir(exist_ok=True)",
        f"{TEST_MODES}::test_nothing_is_open_meanwhile",
    ),
    out(
        "temporary-mode",
        "private-files",
        FILES,
        "descriptor = os.open(beside, _CREATE | NO_FOLLOW, mode)",
        "descriptor = os.open(beside, _CREATE | NO_FOLLOW, 0o666)\n        os.fchmod(descriptor, mode)",
        f"{TEST_MODES}::test_nothing_is_open_meanwhile",
    ),
    out(
        "lock-mode",
        "private-files",
        FOLDER,
        "_file_lock()(self._path, mode=0o600)",
        "_file_lock()(self._path, mode=0o644)",
        f"{TEST_FILE}::test_modes_from_the_start",
    ),
    out(
        "folder-repaired",
        "repaired",
        FOLDER,
        "self.path.chmod(0o700)",
        "pass",
        f"{TEST_FILE}::test_loose_modes_are_repaired",
    ),
    out(
        "file-repaired",
        "repaired",
        FOLDER,
        "os.fchmod(descriptor, 0o600)",
        "pass",
        f"{TEST_FILE}::test_loose_modes_are_repaired",
    ),
    out(
        "file-of-another",
        "other-owner",
        FOLDER,
        "        if status.st_uid != os.geteuid():\n            raise _another_owner(path, status)",
        "        if False:\n            raise _another_owner(path, status)",
        f"{TEST_FILE}::test_another_users_file_is_refused",
    ),
    out(
        "folder-of-another",
        "other-owner",
        FOLDER,
        "if POSIX and status.st_uid != os.geteuid():",
        "if False:",
        f"{TEST_FILE}::test_another_users_file_is_refused",
    ),
    # Links and other things in the place of a file
    out(
        "token-link",
        "planted-links",
        FOLDER,
        "open_file(path, NO_FOLLOW)",
        "open_file(path)",
        f"{TEST_FILE}::test_links_are_not_followed",
    ),
    out(
        "temporary-link",
        "planted-links",
        FILES,
        "os.O_WRONLY | os.O_CREAT | os.O_EXCL |",
        "os.O_WRONLY | os.O_CREAT |",
        f"{TEST_USER}::test_a_link_that_comes_while_we_write",
        also=(Edit(FILES, "_CREATE | NO_FOLLOW", "_CREATE"),),
        doubled="the temporary file is opened without following, too",
    ),
    out(
        "regular-file",
        "planted-links",
        FOLDER,
        "if not stat.S_ISREG(status.st_mode):",
        "if False:",
        f"{TEST_USER}::test_in_the_place_of_the_token",
    ),
    out(
        "fifo",
        "planted-links",
        FILES,
        ' | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)\n',
        ' | getattr(os, "O_CLOEXEC", 0)\n',
        f"{TEST_USER}::test_in_the_place_of_the_token",
    ),
    out(
        "swapped-for-a-link",
        "swapped",
        FOLDER,
        "open_file(path, NO_FOLLOW)",
        "open_file(path)",
        f"{TEST_USER}::test_a_token_swapped_for_a_link_while_it_is_read",
    ),
    # Whole files
    out(
        "written-beside",
        "whole-files",
        FILES,
        'beside = path.with_name(f"{path.name}.tmp")',
        "beside = path",
        f"{TEST_FILE}::test_a_write_that_fails_leaves_the_old_file_whole",
    ),
    out(
        "flushed",
        "whole-files",
        FILES,
        "os.fsync(file.fileno())",
        "pass",
        f"{TEST_FILE}::test_a_token_is_on_the_disk_before_it_takes_its_place",
    ),
    out(
        "folder-flushed",
        "whole-files",
        FILES,
        "    sync_folder(path.parent)\n",
        "    pass\n",
        f"{TEST_FILE}::test_a_token_is_on_the_disk_before_it_takes_its_place",
    ),
    out(
        "one-temporary",
        "one-temporary",
        FILES,
        'path.with_name(f"{path.name}.tmp")',
        'path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")',
        f"{TEST_FILE}::test_a_leftover_of_a_killed_process_is_overwritten",
    ),
    out(
        "leftover",
        "one-temporary",
        FILES,
        "        with suppress(FileNotFoundError):\n            beside.unlink()\n        # O_EXCL",
        "        # O_EXCL",
        f"{TEST_FILE}::test_a_leftover_of_a_killed_process_is_overwritten",
    ),
    out(
        "lock-stays",
        "lock-stays",
        FOLDER,
        "        self._lock.release()\n",
        "        self._lock.release()\n        self._path.unlink(missing_ok=True)\n",
        f"{TEST_FILE}::test_one_temporary_name_and_one_lock_file",
    ),
    out(
        "soft-lock",
        "no-soft-lock",
        FOLDER,
        'raise NotImplementedError("the file system has no locks")',
        "super()._fallback_to_soft_lock()",
        "hostile/test_faults_of_the_disk.py::test_a_file_system_without_locks",
    ),
    out(
        "lock-limit",
        "lock-limit",
        FOLDER,
        "if time.monotonic() > give_up:",
        "if False:",
        f"{TEST_USER}::test_a_lock_that_somebody_holds_for_ever",
    ),
    out(
        "file-size",
        "size-limit",
        FILES,
        "while content.tell() < most and",
        "while",
        f"{TEST_USER}::test_an_enormous_token_file_is_a_damaged_one",
    ),
    # What is stored
    out(
        "copied-file",
        "copied-file",
        RECORD,
        ' or kept["key"] != key',
        "",
        f"{TEST_FILE}::test_a_planted_file_of_another_profile_is_not_taken",
    ),
    out(
        "format-known",
        "damaged-file",
        RECORD,
        'kept["format"] != FORMAT or',
        "",
        "stores/test_record_format.py::test_another_format_or_owner_is_no_token",
    ),
    out(
        "sound-token",
        "damaged-file",
        RECORD,
        "return token if sound and token.access_token and token.access_token.isascii() else None",
        "return token",
        "fuzz/test_fuzz_answers.py::test_any_file_gives_a_sound_token_or_none",
    ),
    out(
        "kept-aside",
        "damaged-file",
        STORE,
        "if self._is_damaged(key):",
        "if False:",
        f"{TEST_FILE}::test_a_damaged_file_is_log_in_again_and_kept_aside",
    ),
    out(
        "logout-leftovers",
        "logout-leaves-nothing",
        STORE,
        'for leftover in (f"{key}.json.tmp", f"{key}.damaged"):',
        "for leftover in ():",
        f"{TEST_USER}::test_a_logout_leaves_nothing_secret",
    ),
    out(
        "disk-full",
        "disk-full",
        "sources/cached.py",
        "        except StoreError as fault:\n            warnings.warn(str(fault), NotSavedWarning, stacklevel=2)\n        return long_enough",
        "        except ZeroDivisionError:\n            pass\n        return long_enough",
        "sources/test_cached_source.py::test_a_write_that_fails_still_gives_the_token",
    ),
    out(
        "read-only-folder",
        "disk-full",
        FOLDER,
        "or not self._folder.is_read_only(fault):",
        "or True:",
        f"{TEST_FILE}::test_a_read_only_or_full_disk_has_nothing_to_lock",
    ),
    out(
        "contract",
        "one-contract",
        STORE,
        "        self._files.write(name, encode(key, token))",
        "        if not (self._files.path / name).exists():\n            self._files.write(name, encode(key, token))",
        "stores/test_stores.py::test_the_newest_wins_and_delete_forgets",
    ),
)
