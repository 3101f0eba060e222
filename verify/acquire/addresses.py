"""Which network addresses a release may be fetched from: those of the public internet, unless the operator says so."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Services that answer any program on a cloud machine with that machine's credentials. Some are inside private ranges
# and would be refused anyway; they are listed so that the message says what they are.
_METADATA_ADDRESSES = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")
# Special ranges inside global unicast which older versions of Python's `ipaddress` take for public.
_SPECIAL = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
_SPECIAL_V4 = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))

_GENERAL_REASONS = (
    ("is_unspecified", "an unspecified address"),
    ("is_loopback", "a loopback address"),
    ("is_link_local", "a link-local address"),
    ("is_multicast", "a multicast address"),
)


def refusal_reason(address: str) -> str | None:
    """Say why an address is not on the public internet.

    IPv6 addresses that carry an IPv4 address (mapped, 6to4, translated by NAT64) are judged by the IPv4 address, since
    that is where the connection ends.

    Parameters
    ----------
    address
        A numeric IPv4 or IPv6 address; a zone ('%eth0') is ignored.

    Returns
    -------
    str or None
        'a loopback address' and the like; None for a public address. What is no numeric address is refused as well,
        because it cannot be judged.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "not a numeric address"
    parsed = _carried_address(parsed)
    if parsed in _METADATA_ADDRESSES:
        return "a cloud metadata address"
    for property_name, reason in _GENERAL_REASONS:
        if getattr(parsed, property_name):
            return reason
    return _reason_v4(parsed) if isinstance(parsed, IPv4Address) else _reason_v6(parsed)


def _carried_address(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside an IPv6 address that carries one, else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _reason_v4(address: IPv4Address) -> str | None:
    if address.is_reserved:
        return "a reserved address"
    if not address.is_global or any(address in network for network in _SPECIAL_V4):
        return "a private address"
    return None


def _reason_v6(address: IPv6Address) -> str | None:
    if address.is_private or address.is_site_local:
        return "a private address"
    if address not in _GLOBAL_UNICAST or any(address in network for network in _SPECIAL):
        return "a reserved address"
    return None
