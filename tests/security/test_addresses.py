"""Which addresses a fetched URL may lead to (rows U1 to U4, V8 and V9 of the bad-input table)."""

from ipaddress import ip_address

import pytest

from modelport.security.addresses import is_public_address


def words(text: str) -> list[str]:
    return text.split()


INNER_V4 = words("""
    0.0.0.0 0.255.255.255 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1
    127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
    192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1
    203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
""")

INNER_V6 = words("""
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:100.64.0.1 ::ffff:168.63.129.16
    ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::100.100.100.200 64:ff9b:1::1
    64:ff9b:1:7f00:0:100:: 64:ff9b:1:808:8:800:: 100::1 2001::1 2001:0:808:808::f5ff:fffe 2001:2::1
    2001:10::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 3fff::1 4000::1 5f00::1 fc00::1
    fd00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 2a00:1450::1%eth0 fec0::1 ff02::1 ff0e::1
""")

PUBLIC = words("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1
    168.63.129.15 168.63.129.17 169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 192.167.255.255
    198.17.255.255 198.20.0.0 223.255.255.255 2001:200::1 2001:4860:4860::8888 2003::1 2606:4700::1111
    2a00:1450:4001:82b::200e ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""")


@pytest.mark.parametrize("text", INNER_V4 + INNER_V6)
def test_an_address_that_is_not_on_the_internet_is_refused(text: str):
    assert not is_public_address(text)
    assert not is_public_address(ip_address(text))


@pytest.mark.parametrize("text", INNER_V4)
def test_an_inner_ipv4_address_is_refused_in_every_ipv6_dress(text: str):
    v4 = int(ip_address(text))
    high, low = v4 >> 16, v4 & 0xFFFF
    teredo = ~v4 & 0xFFFF_FFFF
    for dressed in (
        f"::ffff:{text}",
        f"::{text}",
        f"64:ff9b::{text}",
        f"64:ff9b:1::{text}",
        f"64:ff9b:1:{high:x}:{low >> 8:x}:{(low & 0xFF) << 8:x}::",  # RFC 6052, a /48 prefix
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:808:808:0:0:{teredo >> 16:x}:{teredo & 0xFFFF:x}",
    ):
        assert not is_public_address(dressed), dressed


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_on_the_internet_is_allowed(text: str):
    assert is_public_address(text)
    assert is_public_address(ip_address(text))


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "8.8.8.8 ", "08.8.8.8", "[::1]"]
)
def test_text_that_is_no_address_is_refused(text: str):
    assert not is_public_address(text)
