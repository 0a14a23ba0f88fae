"""The recipes for other clients, run as they are written, with the real libraries, against an API on loopback."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from environments import environment_beside
from support import REPOSITORY, Seen, Sent, Web, unavailable

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

PAGE: Final = REPOSITORY / "aventus_creds" / "docs" / "clients.md"
BLOCKS: Final = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
LIBRARIES: Final = ("fsspec", "gql[requests]", "openapi-python-client", "pyiceberg>=0.10", "zeep")
CONTACTS: Final = [{"name": "Ada"}, {"name": "Grace"}]
WSDL: Final = """<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:contacts" targetNamespace="urn:contacts">
  <types><x:schema targetNamespace="urn:contacts">
    <x:element name="Count"><x:complexType/></x:element>
    <x:element name="Counted"><x:complexType><x:sequence><x:element name="n" type="x:int"/></x:sequence>
    </x:complexType></x:element>
  </x:schema></types>
  <message name="ask"><part name="body" element="t:Count"/></message>
  <message name="told"><part name="body" element="t:Counted"/></message>
  <portType name="P"><operation name="Count"><input message="t:ask"/><output message="t:told"/></operation></portType>
  <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Count"><s:operation soapAction=""/>
      <input><s:body use="literal"/></input><output><s:body use="literal"/></output></operation></binding>
  <service name="S"><port name="P" binding="t:B"><s:address location="{url}/soap"/></port></service>
</definitions>"""
SOAP: Final = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
<Counted xmlns="urn:contacts"><n>2</n></Counted></e:Body></e:Envelope>"""
OPENAPI: Final = {
    "openapi": "3.0.3",
    "info": {"title": "Contacts client", "version": "1"},
    "paths": {
        "/v1/contacts": {
            "get": {
                "operationId": "list_contacts",
                "responses": {
                    "200": {
                        "description": "all",
                        "content": {
                            "application/json": {
                                "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Contact"}}
                            }
                        },
                    }
                },
            }
        }
    },
    "components": {"schemas": {"Contact": {"type": "object", "properties": {"name": {"type": "string"}}}}},
}


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the libraries."""
    return python_with(tmp_path_factory.mktemp("libraries"), *LIBRARIES)


@pytest.fixture(scope="session")
def niquests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with niquests, which puts a urllib3 of its own in place of the one that requests uses."""
    return python_with(tmp_path_factory.mktemp("niquests"), "niquests>=3.14")


def python_with(folder: Path, *packages: str) -> Path:
    try:
        return environment_beside(folder, *packages)
    except RuntimeError as fault:
        unavailable(f"{', '.join(packages)} cannot be installed: {str(fault)[-300:]}")


def profile_of(web: Web) -> dict[str, str]:
    """Return the keys of a profile whose token endpoint and API ``web`` is."""
    return {
        "token_url": f"{web.url}/token",
        "client_id": "c",
        "client_secret": "s",
        "grant": "client_credentials",
        "api_url": web.url,
    }


def api(seen: Seen, url: str) -> Sent:
    """Answer as the token endpoint, and to who has the token as each of the APIs."""
    if seen.path == "/token":
        return Sent(body={"access_token": "the-token", "token_type": "Bearer", "expires_in": 3600})
    if seen.headers.get("Authorization") != "Bearer the-token":
        return Sent(401)
    answers: dict[str, bytes | dict[str, object]] = {
        "/v1/contacts": json.dumps(CONTACTS).encode(),
        "/v1/contacts.csv": b"name\nAda\nGrace\n",
        "/iceberg/v1/config": {"defaults": {}, "overrides": {}},
        "/iceberg/v1/namespaces": {"namespaces": [["Ada"], ["Grace"]]},
        "/graphql": {"data": {"contacts": CONTACTS}},
        "/contacts.wsdl": WSDL.format(url=url).encode(),
        "/soap": SOAP.encode(),
    }
    kind = {"/contacts.wsdl": "text/xml", "/soap": "text/xml", "/v1/contacts.csv": "text/csv"}
    path = seen.path.partition("?")[0]
    return Sent(
        200 if path in answers else 404,
        answers.get(path, b""),
        {"Content-Type": kind.get(path, "application/json")},
    )


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_recipe(
    number: int,
    web: Web,
    request: pytest.FixtureRequest,
    write_profiles: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """It gets the contacts, with a token of the profile in each request."""
    web.answer = lambda seen: api(seen, web.url)
    write_profiles({"prod": profile_of(web)})
    block = BLOCKS[number].replace("https://api.example.com", web.url).replace('"https", get', '"http", get')
    python = request.getfixturevalue("niquests" if "niquests" in block else "libraries")
    if "contacts_client" in block:
        (tmp_path / "openapi.json").write_text(json.dumps(OPENAPI), "utf-8")
        ask = ("generate", "--path", "openapi.json", "--meta", "none", "--output-path", "contacts_client")
        run(python, tmp_path, "-m", "openapi_python_client", *ask)
    said = run(python, tmp_path, "-c", f"{block}\nprint(contacts)")
    assert ("Ada" in said and "Grace" in said) or said.strip() == "2"
    asked = [seen for seen in web.seen if seen.path != "/token"]
    assert asked
    assert {seen.headers.get("Authorization") for seen in asked} == {"Bearer the-token"}
    assert len(web.seen) - len(asked) == 1  # one token for all


def run(python: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_niquests_has_a_refused_token_replaced(
    web: Web, niquests: Path, write_profiles: Callable[..., Path], tmp_path: Path
) -> None:
    """One new token, one repeat with the same body, and a redirect to another server takes no token along."""
    tokens = iter(["first", "second"])

    def answer(seen: Seen) -> Sent:
        if seen.path == "/token":
            return Sent(body={"access_token": next(tokens), "token_type": "Bearer", "expires_in": 3600})
        if seen.headers.get("Authorization") == "Bearer first":
            return Sent(401)
        return Sent(302, headers={"Location": foreign.url}) if seen.path == "/away" else Sent(body=seen.body)

    web.answer = answer
    write_profiles({"prod": profile_of(web)})
    code = f"""
import niquests
from aventus_creds import get_auth
with niquests.Session() as session:
    session.auth = get_auth("prod")
    print(session.post("{web.url}/x", data=b"body").text)
    print(session.get("{web.url}/away").status_code)
"""
    with Web() as foreign:
        assert run(niquests, tmp_path, "-c", code).split() == ["body", "200"]
        assert [seen.headers.get("Authorization") for seen in foreign.seen] == [None]
    asked = [
        (seen.path, seen.body, seen.headers.get("Authorization")) for seen in web.seen if seen.path == "/x"
    ]
    assert asked == [("/x", b"body", "Bearer first"), ("/x", b"body", "Bearer second")]
