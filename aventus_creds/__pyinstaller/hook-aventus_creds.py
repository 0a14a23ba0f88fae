"""What PyInstaller cannot see: modules that are imported by a name in a table, and files that are no code."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules, copy_metadata

# The sandbox is for tests, a notebook brings its own Python.
LEFT_OUT = ("aventus_creds.sandbox", "aventus_creds.notebook", "aventus_creds.__pyinstaller")

hiddenimports = collect_submodules("aventus_creds", filter=lambda name: not name.startswith(LEFT_OUT))
datas = collect_data_files("aventus_creds") + copy_metadata("aventus-creds")
