"""What is made: the JSON Schema of profiles.toml, the tables of the README and the docs, the page of the Python
API, and the package's functions.

    python -m tests.made            writes all of it anew
    python -m tests.made --check    exits with 1, and names the files, where something is out of date

A table in a Markdown file stands below a line ``<!-- made: NAME -->`` and ends with its last line of cells.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import aventus_creds
from aventus_creds.cli.docs import first_sentence
from aventus_creds.cli.docs import topics as pages
from aventus_creds.cli.providers import grants, needs, redirect
from aventus_creds.cli.reference import reference as commands
from aventus_creds.profiles.providers import PROVIDERS, Provider
from aventus_creds.profiles.schema import reference, schema
from aventus_creds.profiles.store_keys import STORE_KEYS

ROOT: Final = Path(__file__).parents[1]
THIN: Final = {"api": "calls", "clients": "client_calls"}
"""The modules with the public functions, and those with thin functions that load them."""

CALLS_HEAD: Final = '''"""Functions of the package, which load ``{module}`` when they are called.

Made from ``{module}.py`` by ``python -m tests.made``: change that file. So the statement that people type,
``from aventus_creds import get_session``, costs next to nothing.
"""

from __future__ import annotations

# as typing's own, which takes longer to load than this file; jedi looks at both cases
TYPE_CHECKING = __name__ == ""
if TYPE_CHECKING:
'''
PACKAGE: Final = ROOT / "aventus_creds"
API_HEAD: Final = """\
# The Python API

What the package exports, from its docstrings.

`get_session?` in Jupyter shows the same. Every function takes `profiles=` (another file) and `store=` (another place
for tokens). Those that may ask a person also take `interactive=` and `browser=`, a function that opens an address.

Every error is an `AventusCredsError`; its class says who must act. `aventus_creds.errors` has the whole tree.
"""
FUNCTIONS: Final = (
    *("get_session", "get_token", "get_auth", "get_client", "get_async_client"),
    *("token_provider", "async_token_provider", "login", "logout", "LoginButton"),
)
Documented = ast.FunctionDef | ast.ClassDef

SCHEMA: Final = ROOT / "aventus_creds" / "profiles" / "schema.json"

DOCS: Final = ROOT / "aventus_creds" / "docs"
API_PAGE: Final = DOCS / "api.md"
PAGES: Final = (ROOT / "README.md", *sorted({*DOCS.glob("*.md")} - {API_PAGE}))

MARK: Final = re.compile(r"(?<=<!-- made: )(?P<name>[a-z ]+)( -->\n)(?:\|.*(?:\n|\Z))*")


def providers() -> str:
    """Return the table of systems that profiles.example.toml shows."""
    rows = [
        f"| `{row.name}` | {row.title} | {'; '.join(filter(None, (_grants(row), row.note)))} |"
        for row in PROVIDERS.values()
        if row.in_example
    ]
    return "\n".join(["| `provider` | system | grants |", "| --- | --- | --- |", *rows]) + "\n"


def known_servers() -> str:
    """Return the table of all providers, with the pages that their rows are from."""
    rows = [
        f"| `{row.name}` | {row.title} | {needs(row)} | {_grants(row)} | {redirect(row)} | {_pages(row)} | {row.note} |"
        for row in PROVIDERS.values()
    ]
    heading = "| `provider` | system | needs | grants | redirect to this machine | read from | note |"
    return "\n".join([heading, "| --- | --- | --- | --- | --- | --- | --- |", *rows]) + "\n"


def _grants(row: Provider) -> str:
    return ", ".join(f"`{grant}`" for grant in grants(row)) if row.grants else "all"


def _pages(row: Provider) -> str:
    return "<br>".join(f"<{url}> {read}" for url, read in row.pages)


def topics() -> str:
    """Return the table of the pages that ``aventus-creds docs`` opens."""
    rows = [f"| `{name}` | {first_sentence(text)} |" for name, text in pages().items()]
    return "\n".join(["| topic | what it is about |", "| --- | --- |", *rows]) + "\n"


TABLES: Final[dict[str, Callable[[], str]]] = {
    "topics": topics,
    "commands": commands,
    "providers": providers,
    "known servers": known_servers,
    "profile keys": reference,
    "store keys": lambda: reference(STORE_KEYS.values()),
}


def calls(module: str) -> str:
    """Return the thin functions for those of ``module``: with their arguments and docstrings, without its imports."""
    source = (PACKAGE / f"{module}.py").read_text("utf-8")
    tree = ast.parse(source)
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and aventus_creds._ROOMS.get(node.name) == THIN[module]
    ]
    shown = {name for each in functions for name in _annotations(each)}
    found = [
        (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in shown
    ]
    names = "\n".join(
        "".join(
            f"    from {home} import {', '.join(sorted({name for at, name in found if at == home}))}\n"
            for home in sorted({at for at, _ in found})
            if _kind(home) == kind
        )
        for kind in sorted({_kind(at) for at, _ in found})
    )
    thin = (f"\n\n{_thin(each, module, source)}\n" for each in functions)
    return CALLS_HEAD.format(module=module) + names + "".join(thin)


def _kind(module: str) -> int:
    """Return the place of a module among the imports: the standard library's, others', ours."""
    top = module.partition(".")[0]
    return 2 if top == "aventus_creds" else int(top not in sys.stdlib_module_names)


def _annotations(function: ast.FunctionDef) -> set[str]:
    """Return the names in the signature of ``function``."""
    arguments = (*function.args.args, *function.args.kwonlyargs)
    hints = filter(None, (function.returns, *(one.annotation for one in arguments)))
    return {name.id for hint in hints for name in ast.walk(hint) if isinstance(name, ast.Name)}


def _thin(function: ast.FunctionDef, module: str, source: str) -> str:
    """Return the function with its signature and docstring as they are written, and a body that calls it."""
    head = "\n".join(source.splitlines()[function.lineno - 1 : function.body[0].end_lineno])
    given = [one.arg for one in function.args.args]
    given += [f"{one.arg}={one.arg}" for one in function.args.kwonlyargs]
    call = f"    return {module}.{function.name}({', '.join(given)})"
    if len(call) > 110:  # as the formatter does
        call = f"    return {module}.{function.name}(\n        {', '.join(given)}\n    )"
    if max(map(len, call.splitlines())) > 110:
        call = (
            f"    return {module}.{function.name}(\n        {(',' + chr(10) + ' ' * 8).join(given)},\n    )"
        )
    return f"{head}\n    from aventus_creds import {module}\n\n{call}"


def api_page() -> str:
    """Return the page: the functions first, then the classes and the errors, each with its docstring."""
    names = (*FUNCTIONS, *(name for name in aventus_creds.__all__ if name not in FUNCTIONS))
    return "\n".join([API_HEAD, *(_entry(_definition(name)) for name in names)])


def _definition(name: str) -> Documented:
    whole = {thin: module for module, thin in THIN.items()}
    module = whole.get(aventus_creds._ROOMS[name], aventus_creds._ROOMS[name])
    tree = ast.parse(PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text("utf-8"))
    return next(node for node in tree.body if isinstance(node, Documented) and node.name == name)


def _entry(node: Documented) -> str:
    parts = [f"## {node.name}", "", f"`{_signature(node)}`", "", _markdown(ast.get_docstring(node) or "")]
    if isinstance(node, ast.ClassDef):
        parts += [f"* `{_signature(one)}`: {_summary(one)}" for one in _members(node)]
    return "\n".join(parts).rstrip() + "\n"


def _members(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """Yield the public methods and properties that say what they are for."""
    for one in _bodies(node):
        if isinstance(one, ast.FunctionDef) and one.name[0] != "_" and ast.get_docstring(one):
            yield one


def _bodies(node: ast.ClassDef) -> Iterator[ast.stmt]:
    yield from node.body
    if any(isinstance(base, ast.Name) and base.id == "Button" for base in node.bases):
        button = ast.parse((PACKAGE / "notebook" / "button.py").read_text("utf-8"))
        yield from next(
            one.body for one in button.body if isinstance(one, ast.ClassDef) and one.name == "Button"
        )


def _signature(node: Documented) -> str:
    """Return the name with its arguments, as they are called: without ``self`` and without types."""
    function = node
    if isinstance(node, ast.ClassDef):
        made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        if not made:
            return node.name
        function = made[0]
    elif any(isinstance(one, ast.Name) and one.id == "property" for one in node.decorator_list):
        return node.name
    assert isinstance(function, ast.FunctionDef)
    for one in (*function.args.args, *function.args.kwonlyargs, function.args.vararg, function.args.kwarg):
        if one is not None:
            one.annotation = None
    function.args.args = [one for one in function.args.args if one.arg not in {"self", "cls"}]
    return f"{node.name}({ast.unparse(function.args)})"


def _summary(node: ast.FunctionDef) -> str:
    return _plain(inspect.cleandoc(ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " "))


def _plain(text: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def _markdown(docstring: str) -> str:
    """Return a docstring as Markdown: an example is a block of code, and a section is a list."""
    return "\n".join(_section(text) for text in docstring.split("\n\n"))


def _section(text: str) -> str:
    found = re.match(r"(Example|Args|Returns|Raises):\n", text)
    if not found:
        return _plain(text) + "\n"
    body = inspect.cleandoc(text[found.end() :])
    if found[1] == "Example":
        return f"```python\n{body}\n```\n"
    joined = re.sub(r"\n +", " ", body)
    if found[1] == "Returns":
        return f"Returns: {_plain(joined)}\n"
    title = {"Args": "Arguments", "Raises": "Raises"}[found[1]]
    items = [re.sub(r"^([^:]+): ", r"* `\1`: ", line) for line in _plain(joined).split("\n")]
    return "\n".join([f"{title}:", "", *items, ""])


def made() -> dict[Path, str]:
    """Return each file that holds something made, and what it should hold."""
    texts = {page: page.read_text("utf-8") for page in PAGES}
    return {
        **{PACKAGE / f"{thin}.py": calls(module) for module, thin in THIN.items()},
        API_PAGE: api_page(),
        SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        **{page: MARK.sub(_table, text) for page, text in texts.items()},
    }


def outdated() -> list[Path]:
    """Return the files that do not hold what they should."""
    return [path for path, text in made().items() if not path.exists() or path.read_text("utf-8") != text]


def _table(found: re.Match[str]) -> str:
    return found["name"] + found[2] + TABLES[found["name"]]().rstrip("\n") + "\n"


if __name__ == "__main__":
    late = outdated()
    if "--check" not in sys.argv:
        for path, text in made().items():
            path.write_text(text, "utf-8")
    elif late:
        sys.exit(f"out of date: {', '.join(map(str, late))}\nRun: python -m tests.made")
