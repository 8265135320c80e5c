"""Where webhooks may go."""

from ipaddress import ip_address

import pytest

from joinstream.domain.webhook_urls import AddressKind, UrlPolicy, UrlRefused, kind_of

ALLOWS_LOOPBACK = UrlPolicy(disable_loopback=False)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", "public"),
        ("2606:2800:220:1::1", "public"),
        ("10.1.2.3", "private"),
        ("192.168.0.1", "private"),
        ("172.16.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd12:3456::1", "private"),
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("0.0.0.0", "loopback"),
        ("::1", "loopback"),
        ("::", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("2002:7f00:1::", "loopback"),
        ("169.254.169.254", "forbidden"),
        ("169.254.1.1", "forbidden"),
        ("100.100.100.200", "forbidden"),
        ("fe80::1", "forbidden"),
        ("fd00:ec2::254", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("64:ff9b::a9fe:a9fe", "forbidden"),
        ("224.0.0.1", "forbidden"),
        ("ff02::1", "forbidden"),
    ],
)
def test_what_lies_behind_an_address(address: str, kind: AddressKind) -> None:
    assert kind_of(ip_address(address)) == kind


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/run?id=1",
        "http://hooks.example.com:8080",
        "https://10.1.2.3/hook",
        "https://[2606:2800:220:1::1]/hook",
    ],
)
def test_ordinary_addresses_are_allowed(url: str) -> None:
    UrlPolicy().check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/hook", "absolute"),
        ("ftp://example.com/hook", "https:// or http://"),
        ("file:///etc/passwd", "https:// or http://"),
        ("javascript:alert(1)", "https:// or http://"),
        ("http://", "no host"),
        ("http://example.com:99999/", "no URL"),
        ("http://[::1", "no URL"),
        ("http://localhost/hook", "disable_loopback"),
        ("http://LOCALHOST./hook", "disable_loopback"),
        ("http://a.localhost/hook", "disable_loopback"),
        ("http://127.0.0.1:2024/threads", "disable_loopback"),
        ("http://[::1]/", "disable_loopback"),
        ("http://[::ffff:127.0.0.1]/", "disable_loopback"),
        ("http://169.254.169.254/latest/meta-data/", "infrastructure"),
        ("http://metadata.google.internal/", "infrastructure"),
        ("http://db.prod.svc.cluster.local/", "infrastructure"),
        ("http://api.default.svc/", "infrastructure"),
        ("https://example.com/" + "x" * 5000, "longer than 4096"),
    ],
)
def test_addresses_that_lead_inside_are_refused(url: str, why: str) -> None:
    with pytest.raises(UrlRefused, match=why):
        UrlPolicy().check(url)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://metadata/", "http://[fe80::1%25eth0]/"]
)
def test_the_infrastructure_is_never_called(url: str) -> None:
    everything = UrlPolicy(disable_loopback=False, disable_private_ips=False)
    with pytest.raises(UrlRefused, match="infrastructure"):
        everything.check(url)


def test_loopback_and_private_addresses_are_a_matter_of_policy() -> None:
    ALLOWS_LOOPBACK.check("http://localhost:3000/hook")
    with pytest.raises(UrlRefused, match="disable_private_ips"):
        UrlPolicy(disable_private_ips=True).check("http://10.0.0.1/")


def test_domains_ports_and_https_can_be_demanded() -> None:
    strict = UrlPolicy(
        require_https=True,
        allowed_domains=("hooks.example.com", "*.partner.example"),
        allowed_ports=(443, 8443),
        max_url_length=100,
    )
    strict.check("https://hooks.example.com/x")
    strict.check("https://EU.partner.example:8443/x")
    for url, why in [
        ("http://hooks.example.com/x", "require_https"),
        ("https://example.com/x", "allowed_domains"),
        ("https://partner.example/x", "allowed_domains"),
        ("https://evil-partner.example/x", "allowed_domains"),
        ("https://hooks.example.com:9000/x", "allowed_ports"),
        ("https://hooks.example.com/" + "x" * 100, "longer"),
    ]:
        with pytest.raises(UrlRefused, match=why):
            strict.check(url)
