"""API keys: what a keys file may say, when a key opens, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.api.keys import KeyFile, digest, new_key, read_keys
from streams.errors import ConfigError

A, B = "a" * 64, "b" * 64


def test_a_secret_is_256_random_bits_and_only_its_digest_is_kept() -> None:
    secrets = {new_key()[0] for _ in range(100)}
    assert len(secrets) == 100 and {len(s) for s in secrets} == {43}  # 32 bytes in base64url
    secret, sha256 = new_key()
    assert sha256 == digest(secret) and len(sha256) == 64 and secret not in sha256


WRONG = [
    ("no TOML", "[[key", "is no TOML"),
    ("something else", "[keys]\n", r"only \[\[key\]\]"),
    ("no table", "key = 7", r"only \[\[key\]\]"),
    ("an unknown field", f'[[key]]\nid="a"\nrelay="r"\nsha256="{A}"\nrole="admin"', "its fields are"),
    ("no relay", f'[[key]]\nid="a"\nsha256="{A}"', "relay is missing"),
    ("the secret itself", '[[key]]\nid="a"\nrelay="r"\nsha256="f10FJjvUWbQw4A9VwVEfA1fJVBzqd4VtxdZN4i6qPzE"', "hex"),
    ("no time zone", f'[[key]]\nid="a"\nrelay="r"\nsha256="{A}"\nuntil=2027-01-01T00:00:00', "zone"),
    ("no certificate", f'[[key]]\nid="a"\nrelay="r"\nsha256="{A}"\ncertificate="x"', "certificate is"),
    ("twice", f'[[key]]\nid="a"\nrelay="r"\nsha256="{A}"\n[[key]]\nid="a"\nrelay="r"\nsha256="{B}"', "twice"),
    (
        "one secret twice",
        f'[[key]]\nid="a"\nrelay="r"\nsha256="{A}"\n[[key]]\nid="b"\nrelay="r"\nsha256="{A}"',
        "twice",
    ),
]


@pytest.mark.parametrize(("what", "text", "said"), WRONG, ids=[c[0] for c in WRONG])
def test_a_file_that_is_wrong_says_where(what: str, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_keys(text, "keys.toml")


def test_a_key_ends_when_its_file_says_and_not_before(tmp_path: Path) -> None:
    secret, sha256 = new_key()
    path = tmp_path / "keys.toml"
    path.write_text(f'[[key]]\nid="a"\nrelay="r"\nsha256="{sha256.upper()}"\nuntil=2027-01-01T00:00:00Z')
    end_ms = 1_798_761_600_000
    keys = KeyFile(path)
    assert keys.find(secret, end_ms - 1, None) is not None
    assert keys.find(secret, end_ms, None) is None
    assert keys.find(secret + "x", 0, None) is None and keys.find("", 0, None) is None


def test_a_key_may_name_the_one_certificate_it_comes_with(tmp_path: Path) -> None:
    secret, sha256 = new_key()
    path = tmp_path / "keys.toml"
    path.write_text(f'[[key]]\nid="a"\nrelay="r"\nsha256="{sha256}"\ncertificate="{A}"')
    keys = KeyFile(path)
    assert keys.find(secret, 0, A) is not None
    assert keys.find(secret, 0, B) is None and keys.find(secret, 0, None) is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read"):
        KeyFile(tmp_path / "none.toml")
