"""The local Ed25519 key, its file, and signatures in the format of minisign.

Key files, public keys and signatures are those of minisign, so that a case can be checked without this program:
`minisign -V -p signing-key.pub -m manifest.json`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import minisign

from verify.errors import InvalidUsageError, OutputNotWritableError

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_VARIABLE = "VERIFY_KEY"
PASSWORD_VARIABLE = "VERIFY_KEY_PASSWORD"  # noqa: S105 - the name of a variable, no password

_MAX_TEXT_CHARACTERS = 16_384
_MAX_KEY_FILE_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# scrypt with N = 2**17, r = 8, p = 1: 128 MiB and some tenths of a second for each guess of a password.
_OPERATIONS_LIMIT = 4 * 1024**2
_MEMORY_LIMIT_BYTES = 128 * 1024**2
# Offsets in a decoded secret key: the key derivation; key ID, secret and public key; their BLAKE2b digest.
_DERIVATION, _SECRET_PART, _CHECKSUM = slice(2, 4), slice(54, 126), slice(126, 158)
_NO_PASSWORD = b"\0\0"
_NEW_KEY = "Make a key with `verify key new`."
_RESTORE_KEY = "Restore the file from a copy, or make a new key with `verify key new`."


class SignatureError(ValueError):
    """A signature or public key that is malformed, or a signature that is not over the data."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The key that anyone checks signatures with.

    Parameters
    ----------
    encoded
        The key in minisign's base64 form, as `minisign -P` takes it.
    key_id
        16 hexadecimal digits, as minisign prints them. An ID tells keys apart; it does not vouch for one.
    """

    encoded: str
    key_id: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a minisign .pub file, or the bare key in base64.

        Raises
        ------
        SignatureError
            The text is no minisign public key.
        """
        if len(text) > _MAX_TEXT_CHARACTERS:
            raise SignatureError("a public key that is too long")
        data = text.strip().encode("utf-8", "replace")
        try:
            key = minisign.PublicKey.from_bytes(data) if b"\n" in data else minisign.PublicKey.from_base64(data)
        except minisign.Error as error:
            raise SignatureError(f"no minisign public key ({error})") from error
        encoded = key.to_base64()
        return cls(encoded=encoded.decode("ascii"), key_id=_shown_id(base64.b64decode(encoded)[2:10]))

    @property
    def text(self) -> str:
        """The whole .pub file, which minisign reads."""
        return f"untrusted comment: minisign public key {self.key_id}\n{self.encoded}\n"


class SigningKey:
    """The secret key of whoever answers for a case.

    Use `generate` or `load`; the parameter is a key of the library, already decrypted.
    """

    def __init__(self, secret: minisign.SecretKey) -> None:
        self._secret = secret
        self.public = PublicKey.from_text(secret.get_public_key().to_base64().decode("ascii"))

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's random numbers."""
        return cls(minisign.KeyPair.generate().secret_key)

    @classmethod
    def load(cls, path: Path, password: str | None = None) -> Self:
        """Read a secret key file, of this program or of minisign.

        Raises
        ------
        InvalidUsageError
            There is no key, it is readable by others (POSIX), malformed, or the password is missing or wrong.
        """
        return cls(_opened(_read_secret(path), path, password))

    def save(self, path: Path, password: str | None = None) -> None:
        """Write the key to a new file that only its owner can read.

        Parameters
        ----------
        password
            Protects the file. Without one, whoever can read the file can sign with it.

        Raises
        ------
        InvalidUsageError
            There is something at `path`; a key is never overwritten.
        OutputNotWritableError
            The file or its folder cannot be written; nothing is left.
        """
        secret = minisign.SecretKey.from_bytes(bytes(self._secret))
        secret.untrusted_comment = f"minisign {'encrypted ' if password else ''}secret key {self.public.key_id}"
        try:
            if password:
                secret.encrypt(password, opslimit=_OPERATIONS_LIMIT, memlimit=_MEMORY_LIMIT_BYTES)
            _write_exclusively(path, bytes(secret) + b"\n")
        except FileExistsError as error:
            raise InvalidUsageError(
                path, "is already there, and a key is never overwritten", "Choose another --path, or move it away."
            ) from error
        except OSError as error:
            raise OutputNotWritableError(
                path, f"cannot be written ({error.strerror})", "Choose another --path."
            ) from error
        finally:
            secret.wipe()

    def sign(self, data: bytes, comment: str) -> str:
        """Sign data as `minisign -S` does: over its BLAKE2b digest, and over signature and comment together.

        Parameters
        ----------
        comment
            The trusted comment: printable ASCII in one line. It is covered by the signature.

        Returns
        -------
        str
            A .minisig file: four lines.

        Raises
        ------
        ValueError
            The comment cannot be in a signature.
        """
        signature = self._secret.sign(
            data, prehash=True, untrusted_comment=_untrusted_comment(self.public), trusted_comment=comment
        )
        return bytes(signature).decode("ascii") + "\n"


def verify_signature(public: PublicKey, data: bytes, signature: str) -> str:
    """Check a minisign signature over data.

    Returns
    -------
    str
        The trusted comment, which the signature covers. It was written by whoever holds the key.

    Raises
    ------
    SignatureError
        The signature is malformed, of another key, or not over this data and comment. Signatures of minisign's old
        kind, over the data itself instead of its digest, are refused.
    """
    parsed = _parse_signature(signature)
    key = minisign.PublicKey.from_base64(public.encoded)
    try:
        key.verify(data, parsed)
    except ValueError as error:  # also for a public key that is no point of the curve
        raise SignatureError(f"not a signature of key {public.key_id} over this data ({error})") from error
    return str(parsed.trusted_comment)


def normal_signature(public: PublicKey, signature: str) -> str:
    """Write a signature as this program writes those of `public`.

    The first line of a signature, and spare bits of its base64, are not covered by it. Where text must be exactly what
    was written, compare it with this.

    Raises
    ------
    SignatureError
        The signature is malformed.
    """
    parsed = _parse_signature(signature)
    parsed.untrusted_comment = _untrusted_comment(public)
    return bytes(parsed).decode("utf-8") + "\n"


def default_key_path() -> Path:
    """Return where the key lies: the file that VERIFY_KEY names, else 'signing.key' in the user's config folder."""
    if named := os.environ.get(KEY_VARIABLE):
        return Path(named)
    import platformdirs  # noqa: PLC0415 - only where the default is needed

    return Path(platformdirs.user_config_dir("verify", appauthor=False)) / "signing.key"


def load_key(path: Path, ask_password: Callable[[], str] | None = None) -> SigningKey:
    """Load a key, with the password from VERIFY_KEY_PASSWORD, else from `ask_password`, if it needs one.

    Raises
    ------
    InvalidUsageError
        As `SigningKey.load` tells.
    """
    # Read once: the key may come through a pipe.
    secret = _read_secret(path)
    password = None
    if secret.is_encrypted():
        password = os.environ.get(PASSWORD_VARIABLE) or (ask_password() if ask_password else None)
    return SigningKey(_opened(secret, path, password))


def load_default_key(ask_password: Callable[[], str] | None = None) -> SigningKey | None:
    """Load the key at `default_key_path`; None if there is none and VERIFY_KEY is not set.

    Parameters
    ----------
    ask_password
        Asks a person, where VERIFY_KEY_PASSWORD is not set. Without it a protected key is refused.

    Raises
    ------
    InvalidUsageError
        VERIFY_KEY names no key, or as `SigningKey.load` tells.
    """
    path = default_key_path()
    if not os.environ.get(KEY_VARIABLE):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            # To go on without would leave a case unsigned that its operator believes to be signed.
            raise InvalidUsageError(
                path, f"cannot be looked at ({error.strerror})", "Mend the permissions, or add --no-sign."
            ) from error
    return load_key(path, ask_password)


def key_is_encrypted(path: Path) -> bool:
    """Tell whether a key file is protected by a password; raises InvalidUsageError as `SigningKey.load` does."""
    return bool(_read_secret(path).is_encrypted())


def _read_secret(path: Path) -> minisign.SecretKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_KEY_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidUsageError(path, "there is no signing key", _NEW_KEY) from error
    except OSError as error:
        raise InvalidUsageError(
            path, f"cannot be read ({error.strerror})", "Mend its permissions, or name another key file."
        ) from error
    if os.name == "posix" and mode & _OTHERS:
        raise InvalidUsageError(
            path,
            f"is open to other users (mode {stat.S_IMODE(mode):04o}), so they could have signed with it",
            f"If nobody has, run: chmod 600 '{path}'. Else make a new key.",
        )
    try:
        if len(data) > _MAX_KEY_FILE_BYTES:
            raise minisign.ParseError("too long")
        return minisign.SecretKey.from_bytes(data)
    except minisign.Error as error:
        raise InvalidUsageError(path, f"is no minisign secret key ({error})", _RESTORE_KEY) from error


def _opened(secret: minisign.SecretKey, path: Path, password: str | None) -> minisign.SecretKey:
    """Decrypt a secret key where it is protected, and check that it is whole.

    Raises
    ------
    InvalidUsageError
        The password is missing or wrong, or the key is damaged.
    """
    if secret.is_encrypted():
        if not password:
            raise InvalidUsageError(
                path, "is protected by a password", f"Set {PASSWORD_VARIABLE}, or run it where it can ask for it."
            )
        try:
            secret.decrypt(password)
        except minisign.Error as error:
            raise InvalidUsageError(
                path, "cannot be opened with this password", "Give the password it was made with."
            ) from error
    if not _is_intact(secret):
        raise InvalidUsageError(path, "is damaged: its parts do not belong together", _RESTORE_KEY)
    return secret


def _is_intact(secret: minisign.SecretKey) -> bool:
    """Check a decrypted key against its checksum, and its secret half against its public one."""
    raw = base64.b64decode(secret.to_base64())
    # minisign leaves the checksum of a key without password empty.
    unchecked = raw[_DERIVATION] == _NO_PASSWORD and not any(raw[_CHECKSUM])
    expected = hashlib.blake2b(raw[:2] + raw[_SECRET_PART], digest_size=32).digest()
    if not unchecked and not hmac.compare_digest(expected, raw[_CHECKSUM]):
        return False
    try:
        secret.get_public_key().verify(b"", secret.sign(b""))
    except ValueError:
        return False
    return True


def _write_exclusively(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise


def _parse_signature(signature: str) -> minisign.Signature:
    if len(signature) > _MAX_TEXT_CHARACTERS:
        raise SignatureError("a signature that is too long")
    try:
        parsed = minisign.Signature.from_bytes(signature.encode("utf-8", "replace"))
    except minisign.Error as error:
        raise SignatureError(f"no minisign signature ({error})") from error
    if not parsed.is_prehashed():
        raise SignatureError("a signature of minisign's old kind, without a digest")
    return parsed


def _untrusted_comment(public: PublicKey) -> str:
    return f"signature from minisign secret key {public.key_id}"


def _shown_id(raw: bytes) -> str:
    # minisign prints the ID as one little-endian number.
    return raw[::-1].hex().upper()
