#!/usr/bin/env python3
"""What many APIs cost to load: seconds and memory, for so many private APIs with a policy file each.

    benches/many_apis.py [PROGRAM]     # default: target/release/postern

Writes configurations of 1, 1,000 and 10,000 APIs, each with a definition of five methods and a policy of its
own, checks each with `postern check`, serves it with `postern run`, and prints a table.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

COUNTS = (1, 1_000, 10_000)
ENDPOINT = "vpce-01234567abcdef012"


def policy(number):
    """The policy of the walkthrough, with an endpoint of its own beside the one that is served."""
    everybody = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    known = [ENDPOINT, f"vpce-{number:017x}"]
    deny = {"Effect": "Deny", **everybody, "Condition": {"StringNotEquals": {"aws:SourceVpce": known}}}
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **everybody}, deny]}


def definition():
    """Five methods that a backend answers."""
    def proxy(path):
        uri = f"http://backend.internal{path}"
        return {"x-amazon-apigateway-integration": {"type": "http_proxy", "httpMethod": "ANY", "uri": uri}}

    paths = {
        "/orders": {"get": proxy("/orders"), "post": proxy("/orders")},
        "/orders/new": {"get": proxy("/orders/new")},
        "/health": {"get": proxy("/health"), "head": proxy("/health")},
    }
    return {"openapi": "3.0.1", "info": {"title": "orders", "version": "1"}, "paths": paths}


def write(folder, count):
    """A configuration of so many APIs. Gives back the address of its admin listener."""
    (folder / "policies").mkdir()
    (folder / "api.json").write_text(json.dumps(definition()))
    apis = []
    for number in range(count):
        (folder / f"policies/{number}.json").write_text(json.dumps(policy(number)))
        apis.append({
            "id": f"api{number:07}",
            "definition": "api.json",
            "policyFile": f"policies/{number}.json",
            "endpointConfiguration": {"types": ["PRIVATE"]},
            "stages": [{"stageName": "demo"}],
        })
    listener, admin = free_address(), free_address()
    configuration = {
        "region": "us-east-1",
        "accountId": "123456789012",
        "vpcEndpoints": [{
            "vpcEndpointId": ENDPOINT,
            "vpcId": "vpc-0aaaabbbbccccdddd",
            "listeners": [{"address": listener}],
        }],
        "restApis": apis,
        "workers": 1,
        "admin": {"address": admin},
    }
    (folder / "postern.yaml").write_text(json.dumps(configuration, indent=1))
    return admin


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def check_seconds(program, folder):
    """The processor's time of `postern check`: other work on the machine does not count."""
    before = os.times()
    arguments = [program, "check", "--config", "postern.yaml"]
    subprocess.run(arguments, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def serving_mebibytes(program, folder, admin):
    """The memory of `postern run` once it is ready, and the most that it had until then."""
    process = subprocess.Popen([program, "run", "--config", "postern.yaml"], cwd=folder, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 300
        while not is_ready(admin):
            if process.poll() is not None or time.monotonic() > until:
                sys.exit("the gateway does not get ready")
            time.sleep(0.05)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        sizes = dict(line.split(":", 1) for line in status.splitlines())
        return [int(sizes[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
    finally:
        process.terminate()
        process.wait()


def is_ready(admin):
    try:
        with urllib.request.urlopen(f"http://{admin}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    program = str(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else root / "target/release/postern").resolve())
    print("| APIs | `postern check`, CPU seconds | memory serving, MiB | most while loading, MiB |")
    print("|---|---|---|---|")
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            admin = write(folder, count)
            seconds = check_seconds(program, folder)
            serving, most = serving_mebibytes(program, folder, admin)
            print(f"| {count:,} | {seconds:.2f} | {serving:.1f} | {most:.1f} |", flush=True)


main()
