"""Logins on a real JupyterHub: the redirect comes back by itself, to the person whose login it is."""

from __future__ import annotations

import re

import pytest
from hub.desk import NOBODY_WAITS, Office, codes_exchanged
from jupyter_apps import START_LIMIT
from notebook_desk import fill_in

from aventus_creds.sandbox import Sandbox

pytestmark = [pytest.mark.heavy, pytest.mark.hub, pytest.mark.timeout(300)]
each_kind_of_hub = pytest.mark.parametrize("office", ["hub", "shared_hub"], indirect=True)


@each_kind_of_hub
def test_two_users_at_once(office: Office, sandbox: Sandbox) -> None:
    """Both have the same profile and wait at the same time; one click each logs them in."""
    office.profile(sandbox)
    ada, grace = office.desk("ada", sandbox), office.desk("grace", sandbox)
    ada.waits()
    grace.waits()
    grace.log_in()
    grace.goes_on()
    assert ada.notebook.running(1)
    ada.log_in()
    ada.goes_on()
    assert codes_exchanged(sandbox) == 2
    users = office.hub.users.values()
    uids = {ada.notebook.text(0), grace.notebook.text(0)}
    assert len(uids) == (2 if all(user.uid for user in users) else 1)


@each_kind_of_hub
def test_a_link_that_was_sent(office: Office, sandbox: Sandbox) -> None:
    """Grace opens Ada's link and logs in: her own server knows no such login, and Ada's kernel hears nothing."""
    office.profile(sandbox)
    ada, grace = office.desk("ada", sandbox), office.desk("grace", sandbox)
    ada.waits()
    grace.open("1 + 1")
    tab = grace.visit(ada.address_of_link())
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name=NOBODY_WAITS).wait_for()
    assert "/user/grace/" in tab.url
    assert codes_exchanged(sandbox) == 0
    assert ada.notebook.running(1)
    ada.says("Waiting")
    ada.log_in()
    ada.goes_on()
    assert codes_exchanged(sandbox) == 1


def test_two_notebooks_of_one_user(office: Office, sandbox: Sandbox) -> None:
    """Two kernels wait for two logins at once: each gets its own, in whatever order."""
    office.profile(sandbox)
    first, second = office.desk("ada", sandbox), office.desk("ada", sandbox, new_page=True)
    first.waits("hub-1")
    second.waits("hub-2")
    tab = second.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to hub-2.").wait_for()
    second.goes_on()
    assert first.notebook.running(1)
    tab = first.follow_link()
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name="Logged in to hub-1.").wait_for()
    first.goes_on()


def test_a_kernel_that_is_restarted_meanwhile(office: Office, sandbox: Sandbox) -> None:
    """The link of the old kernel leads nowhere any more; that of the new one logs in."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    ada.waits()
    old = ada.address_of_link()
    ada.notebook.restart()
    tab = ada.visit(old)
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name=NOBODY_WAITS).wait_for()
    tab.close()
    ada.notebook.run(0)
    ada.notebook.start(1)
    ada.link.wait_for()
    assert ada.address_of_link() != old
    ada.log_in()
    ada.goes_on()


def test_who_is_logged_out_of_the_hub_meanwhile(office: Office, sandbox: Sandbox) -> None:
    """The hub asks for its own login on the way, and then leads on to the login that waits."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    ada.waits()
    tab = ada.follow_link()
    tab.get_by_label("Username").wait_for()
    tab.context.clear_cookies(name=re.compile("jupyterhub-.*"))
    fill_in(tab, "Allow")
    office.hub.fill_in_login(tab, "ada")
    tab.get_by_role("heading", name="Logged in to prod.").wait_for()
    ada.goes_on()


def test_a_server_that_is_stopped_meanwhile(office: Office, sandbox: Sandbox) -> None:
    """The hub starts it again on the way, and it says that the login has ended with its kernel."""
    office.profile(sandbox)
    ada = office.desk("ada", sandbox)
    ada.waits()
    address = ada.address_of_link()
    office.leave(ada)
    office.hub.users["ada"].stop()
    tab = office.page("ada").context.new_page()
    tab.goto(address)
    fill_in(tab, "Allow")
    tab.get_by_role("heading", name=NOBODY_WAITS).wait_for(timeout=START_LIMIT * 1000)
    assert codes_exchanged(sandbox) == 0
