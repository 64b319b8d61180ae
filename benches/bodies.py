#!/usr/bin/env python3
"""Memory while large bodies pass through. Called by benches/bodies; see README.md beside it.

Standard library only; the clients are curl's. Everything is on 127.0.0.1.
"""
import argparse, os, pathlib, socketserver, subprocess, tempfile, threading, time

from gateway import ENDPOINT, HOST, Gateway, free_port, http_proxy

LARGE, STREAM = 10_000_000, 100_000_000
SECURE = "vpce-0fedcba9876543210"
PIECE = b"x" * 65_536


class Backend(socketserver.ThreadingTCPServer):
    """Reads bodies and drops them; answers as many bytes as the last part of the path says."""
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 256

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            try:
                while line := self.rfile.readline():
                    self.answer(line.split()[1].decode())
            except OSError:
                pass  # The client of the gateway has left, and the gateway this connection.

        def answer(self, path):
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            while length:
                length -= len(self.rfile.read(min(length, 1 << 16)))
            left = int(path.rsplit("/", 1)[1])
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
            while left:
                left -= self.wfile.write(PIECE[:left])

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def start(arguments, folder, backend):
    port, secure = backend.server_address[1], free_port()
    to = lambda length, **more: http_proxy(f"http://127.0.0.1:{port}/{length}", httpMethod="ANY", **more)
    paths = {"/in": {"post": to(2)}, "/large": {"get": to(LARGE)}, "/stream": {"get": to(STREAM, responseTransferMode="STREAM")}}
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    "key.pem", "-out", "cert.pem", "-days", "30", "-subj", "/CN=bench", "-addext", f"subjectAltName=DNS:{HOST}"],
                   check=True, capture_output=True, cwd=folder)
    os.chmod(os.path.join(folder, "key.pem"), 0o600)
    plain = free_port()
    endpoint = lambda name, at, **more: {"vpcEndpointId": name, "vpcId": "vpc-0aaaabbbbccccdddd",
                                         "listeners": [{"address": f"127.0.0.1:{at}"}], **more}
    change = {"vpcEndpoints": [
        endpoint(ENDPOINT, plain),
        endpoint(SECURE, secure, http2=True, tls=[{"certificateFile": "cert.pem", "privateKeyFile": "key.pem"}])]}
    gateway = Gateway(arguments.postern, folder, paths, 1, change=change)
    gateway.plain, gateway.secure = plain, secure
    return gateway


def memory(gateway):
    """Resident memory, in MiB."""
    status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(dict(line.split(":", 1) for line in status.splitlines())["VmRSS"].split()[0]) / 1024


VERSIONS = {"HTTP/1.1": ("http", ["--http1.1"]), "TLS": ("https", ["--http1.1"]), "HTTP/2": ("https", ["--http2"])}


def clients(gateway, version, path, count, more):
    scheme, options = VERSIONS[version]
    port = gateway.plain if scheme == "http" else gateway.secure
    command = ["curl", "--silent", "--show-error", "--insecure", *options, "--resolve", f"{HOST}:{port}:127.0.0.1", "--output",
               "/dev/null", "--write-out", "%{http_code} %{size_download}\n", *more, f"{scheme}://{HOST}:{port}/demo{path}"]
    return [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]


def most_while(gateway, going_on):
    """The most memory that is seen until something is over."""
    most = memory(gateway)
    while going_on():
        most = max(most, memory(gateway))
        time.sleep(0.01)
    return most


def row(gateway, name, version, path, count, more, expected, seconds=None):
    before = memory(gateway)
    begun = time.monotonic()
    going = clients(gateway, version, path, count, more)
    over = lambda: seconds is not None and time.monotonic() - begun > seconds
    most = most_while(gateway, lambda: any(client.poll() is None for client in going) and not over())
    if seconds is not None:
        for client in going:
            client.kill()
        told = f"read for {seconds} s"
    else:
        whole = [client.communicate()[0].strip() for client in going].count(expected)
        told = "all whole" if whole == count else f"{whole} whole"
    for client in going:
        client.wait()
    print(f"| {name} | {version} | {count} | {before:.1f} | {most:.1f} | {(most - before) * 1024 / count:.0f} | {told} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--postern", required=True)
    parser.add_argument("--clients", type=int, default=50, help="at once")
    parser.add_argument("--slow", default="100k", help="bytes a second that a slow reader takes")
    parser.add_argument("--seconds", type=int, default=5, help="for which slow readers are watched")
    arguments = parser.parse_args()
    arguments.postern = os.path.abspath(arguments.postern)
    with tempfile.TemporaryDirectory() as folder:
        body = os.path.join(folder, "body")
        pathlib.Path(body).write_bytes(b"b" * LARGE)
        gateway = start(arguments, folder, Backend())
        slow = ["--limit-rate", arguments.slow]
        post = ["--request", "POST", "--header", "Content-Type: application/octet-stream", "--header", "Expect:", "--data-binary", f"@{body}"]
        print("| what | over | at once | MiB before | most | KiB for each | |\n|---|---|---|---|---|---|---|")
        try:
            for version in VERSIONS:
                row(gateway, "POST of 10 MB", version, "/in", arguments.clients, post, "200 2")
                row(gateway, "10 MB, slow reader", version, "/large", arguments.clients, slow, None, arguments.seconds)
                row(gateway, "stream of 100 MB", version, "/stream", 4, [], f"200 {STREAM}")
                row(gateway, "stream of 100 MB, slow reader", version, "/stream", arguments.clients, slow, None, arguments.seconds)
        finally:
            gateway.end()


if __name__ == "__main__":
    main()
