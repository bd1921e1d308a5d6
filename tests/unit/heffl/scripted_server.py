"""A real server on loopback that does to a client exactly what a script says.

Plain or TLS, with an authority made for the run. It counts the bytes of the request
that it saw; under TLS those are the decrypted ones, so a handshake counts as nothing.
"""

import ipaddress
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 10.0
RESET = struct.pack("ii", 1, 0)


class Peer:
    """One accepted connection in the hands of a script."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.seen = bytearray()

    def secure(self, context: ssl.SSLContext) -> None:
        """Do the server's part of the handshake."""
        # Wrapping detaches the plain socket, so a reset later closes the TLS one.
        self.sock = context.wrap_socket(
            self.sock, server_side=True, do_handshake_on_connect=False
        )
        self.sock.do_handshake()

    def read_head(self) -> None:
        """Read up to the end of the headers."""
        while b"\r\n\r\n" not in self.seen:
            self._read()

    def read_request(self) -> None:
        """Read the headers and as much body as they announce."""
        self.read_head()
        head, _, body = bytes(self.seen).partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += self._read()

    def _read(self) -> bytes:
        data = self.sock.recv(65_536)
        if not data:
            raise ConnectionError("the client is gone")
        self.seen += data
        return data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Send one byte at a time until the client has enough."""
        for byte in data:
            self.sock.sendall(bytes([byte]))
            threading.Event().wait(pause)

    def wait_unread(self) -> None:
        """Wait until the client has sent something, and leave it where it is.

        Otherwise a reset may reach the client before its connection stands.
        """
        select.select([self.sock], [], [], PATIENCE)

    def hold(self) -> None:
        """Say nothing until the client goes away."""
        with suppress(OSError):
            while True:
                self._read()

    def reset(self) -> None:
        """Tear the connection down with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close_now()

    def close_now(self) -> None:
        with suppress(OSError):
            self.sock.close()

    def finish(self) -> None:
        """Send FIN, take in what the client still had under way, and close."""
        with suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        with suppress(OSError):
            self.sock.settimeout(1.0)
            self.hold()
        self.close_now()


Script = Callable[[Peer], None]


class ScriptedServer:
    """Listen on a free port and run the script for each connection.

    With `tls` the handshake comes first, unless `handshake` is False: then the script
    has the bare connection and no byte of the request can be read.
    """

    def __init__(
        self,
        script: Script,
        *,
        tls: ssl.SSLContext | None = None,
        handshake: bool = True,
    ) -> None:
        self._script = script
        self._tls = tls
        self._handshake = handshake
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self.port = self._listener.getsockname()[1]

    def url(self, scheme: str) -> str:
        return f"{scheme}://127.0.0.1:{self.port}/api/v1"

    @property
    def connections(self) -> int:
        return len(self._peers)

    def request(self) -> bytes:
        """Return everything seen on all connections; call it after the `with`."""
        return b"".join(bytes(peer.seen) for peer in self._peers)

    def __enter__(self) -> "ScriptedServer":
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes the accept of the other thread; close alone would not.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            peer = Peer(sock)
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        bare = self._tls is not None and not self._handshake
        with suppress(OSError):
            if self._tls is not None and self._handshake:
                peer.secure(self._tls)
            self._script(peer)
        peer.finish()
        if bare:
            # What came was a handshake; the request is not part of it.
            peer.seen.clear()


@dataclass(frozen=True)
class Certificates:
    """The files of one authority and the server sides that use them."""

    ca_file: str
    good: ssl.SSLContext
    expired: ssl.SSLContext
    wrong_name: ssl.SSLContext
    untrusted: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    """Make an authority, and servers that are fine, expired, misnamed and unknown."""
    trusted, unknown = _Authority("Trusted"), _Authority("Unknown")
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(_pem(trusted.certificate))
    return Certificates(
        ca_file=str(ca_file),
        good=trusted.server(folder / "good.pem"),
        expired=trusted.server(folder / "expired.pem", days=-1),
        wrong_name=trusted.server(folder / "wrong.pem", address="127.0.0.99"),
        untrusted=unknown.server(folder / "untrusted.pem"),
    )


class _Authority:
    def __init__(self, name: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            _certificate(self.name, self.name, self.key, days=30)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def server(
        self, file: Path, *, days: int = 30, address: str = "127.0.0.1"
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(address))]
        )
        certificate = (
            _certificate(subject, self.name, key, days=days)
            .add_extension(names, critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file.write_bytes(
            _pem(certificate)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
