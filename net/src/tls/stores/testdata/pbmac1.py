"""Puts a digest of RFC 9579 (PBMAC1), which OpenSSL writes since 3.4, on openssl-nomac.p12."""
import hashlib
import hmac


def value(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def split(data):
    """Tag, content and rest of what begins here."""
    length, start = data[1], 2
    if length >= 128:
        start = 2 + (length & 127)
        length = int.from_bytes(data[2:start], "big")
    return data[start : start + length], data[start + length :]


def oid(text):
    return value(6, bytes.fromhex(text))


with open("openssl-nomac.p12", "rb") as file:
    body, _ = split(file.read())
_, after_version = split(body)
content_info, _ = split(after_version)
_, explicit = split(content_info)
octets, _ = split(explicit)
safe, _ = split(octets)

salt = b"paddock-test-salt"
key = hashlib.pbkdf2_hmac("sha256", b"paddock-test", salt, 2048, 32)
digest = hmac.new(key, safe, "sha256").digest()
sha256 = value(0x30, oid("2a864886f70d0209") + value(5, b""))
derivation = value(4, salt) + value(2, b"\x08\x00") + value(2, b"\x20") + sha256
derivation = value(0x30, oid("2a864886f70d01050c") + value(0x30, derivation))
algorithm = value(0x30, oid("2a864886f70d01050e") + value(0x30, derivation + sha256))
mac = value(0x30, value(0x30, algorithm + value(4, digest)) + value(4, b"unused") + value(2, b"\x01"))
with open("pbmac1.p12", "wb") as file:
    file.write(value(0x30, body + mac))
