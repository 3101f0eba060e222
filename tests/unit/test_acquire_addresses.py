"""The network policy as a function of the address."""

from __future__ import annotations

import pytest

from verify.acquire.addresses import refusal_reason

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "172.15.255.255", "172.32.0.1", "192.167.1.1", "100.63.255.255",
    "100.128.0.1", "223.255.255.255", "11.0.0.1", "2606:4700:4700::1111", "2a00:1450:4001:81c::200e",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip
REFUSED = [
    ("127.0.0.1", "loopback"), ("127.255.255.254", "loopback"), ("::1", "loopback"), ("::ffff:127.0.0.1", "loopback"),
    ("2002:7f00:1::", "loopback"), ("64:ff9b::7f00:1", "loopback"),
    ("10.0.0.1", "private"), ("172.16.0.1", "private"), ("172.31.255.255", "private"), ("192.168.1.1", "private"),
    ("100.64.0.1", "private"), ("192.0.0.8", "private"), ("192.0.2.1", "private"), ("198.18.0.1", "private"),
    ("198.51.100.7", "private"), ("203.0.113.9", "private"), ("192.88.99.1", "private"), ("0.1.2.3", "private"),
    ("::ffff:10.0.0.1", "private"), ("::ffff:c0a8:101", "private"), ("64:ff9b::10.1.2.3", "private"),
    ("2002:c0a8:0101::1", "private"), ("fc00::1", "private"), ("fd12:3456::1", "private"), ("fec0::1", "private"),
    ("2001:db8::1", "private"), ("64:ff9b:1::1", "reserved"), ("3fff::1", "reserved"), ("5f00::1", "reserved"),
    ("4000::1", "reserved"), ("::10.0.0.1", "reserved"), ("100::1", "private"),
    ("0.0.0.0", "unspecified"), ("::", "unspecified"), ("::ffff:0.0.0.0", "unspecified"),  # noqa: S104
    ("169.254.1.1", "link-local"), ("fe80::1", "link-local"), ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"), ("239.255.255.250", "multicast"), ("ff02::1", "multicast"),
    ("240.0.0.1", "reserved"), ("255.255.255.255", "reserved"),
    ("169.254.169.254", "metadata"), ("::ffff:169.254.169.254", "metadata"), ("168.63.129.16", "metadata"),
    ("100.100.100.200", "metadata"), ("192.0.0.192", "metadata"), ("fd00:ec2::254", "metadata"),
    ("localhost", "numeric"), ("", "numeric"), ("127.1", "numeric"), ("2130706433", "numeric"), ("0x7f.1", "numeric"),
    ("127.0.0.1:80", "numeric"),
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert refusal_reason(address) is None


@pytest.mark.parametrize(("address", "word"), REFUSED)
def test_other_addresses_are_refused_with_what_they_are(address: str, word: str) -> None:
    reason = refusal_reason(address)
    assert reason is not None
    # What `ipaddress` calls reserved or private differs between Python's versions; both are refused.
    alike = {"private", "reserved"}
    assert word in reason or (word in alike and any(other in reason for other in alike))
