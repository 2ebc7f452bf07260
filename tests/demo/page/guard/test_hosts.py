"""The page's names, for every way of listening."""

import socket
from ipaddress import ip_address

import pytest

from demo.page.guard.hosts import Authority, allowed_hosts, authority_of, checked_name
from train.common.errors import UsageError


def test_what_a_page_answers_to_by_default():
    home = allowed_hosts(ip_address("127.0.0.1"))
    one = allowed_hosts(ip_address("192.0.2.7"))
    everywhere = allowed_hosts(ip_address("0.0.0.0"))
    assert all(home.has(host) for host in ("localhost", "127.0.0.1", "::1"))
    assert not any(home.has(host) for host in ("192.0.2.7", "example.org", ""))
    assert one.has("192.0.2.7")
    assert not one.has("localhost")
    assert all(everywhere.has(host) for host in ("192.0.2.7", "2001:db8::1", "localhost", socket.gethostname().lower()))
    assert not everywhere.has("example.org")  # it may lead anywhere


def test_names_that_a_user_gives():
    given = ("Films.Example.ORG", "*.hospital.example", "2001:0db8::1")
    hosts = allowed_hosts(ip_address("127.0.0.1"), [checked_name(name) for name in given])
    assert all(hosts.has(host) for host in ("films.example.org", "a.hospital.example", "b.a.hospital.example"))
    assert hosts.has("2001:db8::1")
    assert not any(hosts.has(host) for host in ("hospital.example", "xhospital.example", "x.films.example.org"))
    hosts.shared.add("abc.gradio.live")
    assert hosts.has("abc.gradio.live")


@pytest.mark.parametrize("name", ["", "*", "http://example.org", "example.org:80", "a/b", "exa mple.org", "*.", "a@b"])
def test_what_is_no_name_is_wrong_use(name):
    with pytest.raises(UsageError, match=r"--allowed-host .*expected a name"):
        checked_name(name)


@pytest.mark.parametrize(
    ("value", "authority"),
    [
        ("LocalHost:7860", Authority("localhost", 7860)),
        ("example.org.", Authority("example.org", None)),
        ("[0:0::1]:80", Authority("::1", 80)),
        ("::1", None),
        ("a@localhost", None),
        ("localhost:", None),
        ("localhost/", None),
        ("", None),
    ],
)
def test_host_and_port(value, authority):
    assert authority_of(value) == authority
