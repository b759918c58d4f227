#!/usr/bin/env python3
"""TLS in front of a plain server on this machine, with good and bad
certificates, each on a port of its own.

    serve.py DIRECTORY HOST:PORT

Writes DIRECTORY/ca.pem (the authority of the good ones) and, once everything
listens, DIRECTORY/ports.json: {"good": 40001, "expired": 40002, ...}. What
arrives inside of an established connection is forwarded to HOST:PORT, and its
beginning is noted in DIRECTORY/heard-NAME. Ends when standard input does.

Needs trustme (pip install trustme).
"""

import datetime
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading

import trustme


def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(made)
    return made


def self_signed(directory):
    key, cert = directory / "self.key", directory / "self.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(cert, key)
    return made


def only(version, certificate):
    made = context(certificate)
    # Today's default level refuses the hashes that the old versions need.
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    made.maximum_version = version
    return made


def contexts(directory):
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    stranger.cert_pem.write_to_path(directory / "stranger.pem")
    names = ["localhost", "127.0.0.1"]
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    good = authority.issue_cert(*names)
    return {
        "good": context(good),
        "expired": context(authority.issue_cert(*names, not_before=now - 9 * day, not_after=now - day)),
        "early": context(authority.issue_cert(*names, not_before=now + day, not_after=now + 9 * day)),
        "other-host": context(authority.issue_cert("other.example")),
        "stranger": context(stranger.issue_cert(*names)),
        "self-signed": self_signed(directory),
        "tls-1.1": only(ssl.TLSVersion.TLSv1_1, good),
        "tls-1.0": only(ssl.TLSVersion.TLSv1, good),
    }


def pump(source, sink, note):
    try:
        while data := source.recv(65536):
            if note:
                with open(note, "ab") as file:
                    file.write(data[:4096])
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def converse(plain, made, upstream, note):
    try:
        secure = made.wrap_socket(plain, server_side=True)
    except OSError:
        plain.close()
        return
    try:
        onward = socket.create_connection(upstream)
    except OSError:
        secure.close()
        return
    threading.Thread(target=pump, args=(onward, secure, None), daemon=True).start()
    pump(secure, onward, note)


def serve(listener, made, upstream, note):
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=converse, args=(plain, made, upstream, note), daemon=True).start()


def main():
    directory = pathlib.Path(sys.argv[1])
    host, port = sys.argv[2].rsplit(":", 1)
    ports = {}
    for name, made in contexts(directory).items():
        listener = socket.create_server(("127.0.0.1", 0))
        ports[name] = listener.getsockname()[1]
        note = directory / f"heard-{name}"
        threading.Thread(target=serve, args=(listener, made, (host, int(port)), note), daemon=True).start()
    part = directory / "ports.part"
    part.write_text(json.dumps(ports))
    os.rename(part, directory / "ports.json")
    sys.stdin.read()


main()
