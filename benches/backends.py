#!/usr/bin/env python3
"""What stands behind methods: functions, time limits, targets. Called by benches/backends; see README.md beside it.

Standard library only; the load is wrk's and h2load's. Everything is on 127.0.0.1.
"""
import argparse, os, pathlib, re, signal, socket, statistics, subprocess, sys, tempfile, threading, time

from gateway import API, ENDPOINT, HOST, Gateway, free_port, http_proxy, mock, operation

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
LOOP = pathlib.Path(__file__).resolve().parent.parent / "crates/testing/fixtures/functions/function.py"
CONNECTIONS = 16


def function_proxy(name, **more):
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION_ARN}{name}/invocations"
    return operation({"type": "aws_proxy", "httpMethod": "POST", "uri": uri} | more)


# ---- what a hosted function costs ----------------------------------------------------------------------------------

def functions(arguments, folder):
    """CPU of the gateway for a request, by a hosted function and by an HTTP backend that gives the same answer, at the
    same rates. The gateway has CPU 0; the client, the backend and the function's processes have CPU 1."""
    port = free_port()
    backend = subprocess.Popen(["taskset", "-c", "1", arguments.backend, str(port)])
    paths = {"/http/{do}": {"get": http_proxy(f"http://127.0.0.1:{port}/")}, "/function/{do}": {"get": function_proxy("hello")}}
    process = {"command": ["taskset", "-c", "1", arguments.function]}
    gateway = Gateway(arguments.postern, folder, paths, 1, before=["taskset", "-c", "0"],
                      change={"functions": [{"functionName": "hello", "process": process}]})
    print(f"{'rate':>8} {'HTTP backend':>14} {'function':>10} {'ratio':>6}   CPU microseconds of the gateway for a request")
    try:
        for rate in (1_000, 3_000, 5_000, None):
            costs = {"http": [], "function": []}
            for _ in range(arguments.rounds):
                for kind in costs:
                    costs[kind].append(cost(gateway, f"/{kind}/hello", rate, arguments.seconds))
            http, function = (statistics.median(costs[kind]) for kind in costs)
            told = f"{rate:6}/s" if rate else f"{'most':>8}"
            print(f"{told} {http:14.1f} {function:10.1f} {function / http:6.2f}", flush=True)
    finally:
        gateway.end()
        backend.terminate()


def cost(gateway, path, rate, seconds):
    """CPU microseconds of the gateway for a request at this rate; without one, as many as the connections can ask."""
    command = ["taskset", "-c", "1", "h2load", "--h1", "--threads", "1", "--clients", str(CONNECTIONS), "--duration",
               str(seconds), "--header", f":authority: {HOST}", *(["--rps", str(rate // CONNECTIONS)] if rate else []),
               f"http://127.0.0.1:{gateway.port}/demo{path}"]
    before, count = gateway.cpu_seconds(), answers(gateway)
    report = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30).stdout
    if not re.search(r"[1-9]\d* 2xx, 0 3xx, 0 4xx, 0 5xx", report):
        sys.exit(f"not all was answered:\n{report}")
    return (gateway.cpu_seconds() - before) * 1e6 / (answers(gateway) - count)


def answers(gateway):
    lines = gateway.ask_admin("/metrics").splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("postern_requests_total"))


# ---- how late time limits are --------------------------------------------------------------------------------------

def limits(arguments, folder):
    """How long after its limit a call is given up, alone and under load. Nothing may come before the limit."""
    uri = f"http://127.0.0.1:{silent_backend()}/"
    port = free_port()
    backend = subprocess.Popen([arguments.backend, str(port)])
    paths = {"/open": {"get": http_proxy(f"http://127.0.0.1:{port}/")}}
    for limit in (50, 250, 1_000, 3_000):
        paths[f"/http/{limit}"] = {"get": http_proxy(uri, timeoutInMillis=limit)}
    for limit in (50, 1_000):
        paths[f"/function/{limit}"] = {"get": function_proxy("never", timeoutInMillis=limit)}
    paths["/own/{do}"] = {"get": function_proxy("slow")}
    change = {"functions": [
        {"functionName": "never", "process": {"command": ["sleep", "1000"]}, "timeoutSeconds": 900},
        {"functionName": "slow", "process": {"command": [sys.executable, str(LOOP)], "concurrency": 1}, "timeoutSeconds": 1}]}
    gateway = Gateway(arguments.postern, folder, paths, 2, change=change)
    print(f"{'limit':34} {'calls':>5} {'p50':>7} {'p99':>7} {'most':>7}   milliseconds beyond the limit")
    try:
        for told, load in (("", None), (", under load", "/open")):
            rows = [(f"{kind} {limit} ms", f"/{kind}/{limit}", limit, 504) for kind, limit in
                    (("http", 50), ("http", 250), ("http", 1_000), ("http", 3_000), ("function", 50), ("function", 1_000))]
            for name, path, limit, status in rows:
                with under(gateway, load, 12):
                    print_lateness(name + told, together(gateway, path, limit, status))
            with under(gateway, load, 20):
                print_lateness("a function's own 1000 ms" + told, one_by_one(gateway))
    finally:
        gateway.end()
        backend.terminate()


def silent_backend():
    """The port of a backend that takes connections and says nothing."""
    listener, connections = socket.create_server(("127.0.0.1", 0), backlog=1024), []

    def accept():
        while True:
            connections.append(listener.accept())
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


class under:
    """Whatever is done meanwhile happens under load, where there is a path to load."""
    def __init__(self, gateway, path, seconds):
        self.command = path and ["wrk", "--threads", "1", "--connections", "16", "--duration", f"{seconds}s",
                                 "--header", f"Host: {HOST}", f"http://127.0.0.1:{gateway.port}/demo{path}"]

    def __enter__(self):
        self.process = self.command and subprocess.Popen(self.command, stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()


def ask(connection, path):
    """The status of an answer, and the seconds that it took."""
    begun = time.monotonic()
    connection.sendall(f"GET /demo{path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    answer = connection.recv(65_536)
    return int(answer.split()[1]), time.monotonic() - begun


def together(gateway, path, limit, status, clients=20):
    """Lateness of several clients at once, each for three seconds or three calls."""
    lateness = []

    def client():
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            for _ in range(max(3, 3_000 // limit)):
                found, seconds = ask(connection, path)
                assert found == status, found
                lateness.append(seconds * 1e3 - limit)
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
        time.sleep(0.007)
    for thread in threads:
        thread.join()
    return lateness


def one_by_one(gateway):
    """Lateness of a function's own limit, whose process is there before and is ended by it."""
    lateness = []
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        for _ in range(10):
            assert ask(connection, "/own/process")[0] == 200
            found, seconds = ask(connection, "/own/hang")
            assert found == 502, found
            lateness.append(seconds * 1e3 - 1_000)
    return lateness


def print_lateness(name, lateness):
    lateness.sort()
    told = "" if lateness[0] >= 0 else f"  EARLY by {-lateness[0]:.1f}"
    print(f"{name:34} {len(lateness):5} {lateness[len(lateness) // 2]:7.1f} {lateness[len(lateness) * 99 // 100]:7.1f} {lateness[-1]:7.1f}{told}")


# ---- targets that are killed, paused and drained -------------------------------------------------------------------

def targets(arguments, folder):
    """What a client sees while one of two targets of a VPC link is away for some seconds. The targets are Posterns, which
    know how to drain. Checks: each second by HTTP, two of them decide."""
    both = []
    # Checks name an address as the host.
    domain = {"domainName": "127.0.0.1", "endpointConfiguration": {"types": ["PRIVATE"]}, "accessAssociations": [ENDPOINT],
              "basePathMappings": [{"basePath": "", "restApiId": API, "stage": "demo"}]}
    for name in ("one", "two"):
        place = os.path.join(folder, name)
        os.mkdir(place)
        both.append(Gateway(arguments.postern, place, {"/pets": {"get": mock("pets"), "post": mock("pets")}}, 1,
                            change={"domainNames": [domain]}))
    front = os.path.join(folder, "front")
    os.mkdir(front)
    proxy = http_proxy(f"http://{HOST}/demo/pets", connectionType="VPC_LINK", connectionId="vl1")
    post = http_proxy(f"http://{HOST}/demo/pets", connectionType="VPC_LINK", connectionId="vl1", httpMethod="POST")
    link = {"id": "vl1", "targets": [f"127.0.0.1:{target.port}" for target in both], "slowStartSeconds": 0,
            "healthCheck": {"protocol": "HTTP", "path": "/pets", "intervalSeconds": 1, "timeoutSeconds": 1, "healthyThreshold": 2, "unhealthyThreshold": 2}}
    gateway = Gateway(arguments.postern, front, {"/pets": {"get": proxy, "post": post}}, 2, change={"vpcLinks": [link]})
    print(f"{'target is':10} {'verb':5} {'answers':>8} {'lost':>5} {'slowest':>9} {'out after':>10} {'back after':>11}")
    try:
        for way, (leave, come_back) in WAYS.items():
            for verb in ("GET", "POST"):
                print(f"{way:10} {verb:5} " + one_leaves(gateway, both[0], verb, leave, come_back, arguments.away), flush=True)
    finally:
        for it in [gateway, *both]:
            it.end()


WAYS = {
    "killed": (lambda target: target.end(signal.SIGKILL), lambda target: target.start()),
    "paused": (lambda target: target.process.send_signal(signal.SIGSTOP), lambda target: target.process.send_signal(signal.SIGCONT)),
    "drained": (lambda target: target.end(), lambda target: target.start()),
}


def one_leaves(gateway, target, verb, leave, come_back, away):
    script = os.path.join(gateway.folder, "verb.lua")
    with open(script, "w") as file:
        file.write(f'wrk.method = "{verb}"\n')
    load = subprocess.Popen(["wrk", "--threads", "1", "--connections", "16", "--duration", f"{away + 8}s", "--timeout", "40s",
                             "--script", script, "--header", f"Host: {HOST}", f"http://127.0.0.1:{gateway.port}/demo/pets"],
                            stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    begun = time.monotonic()
    leave(target)
    out = seconds_until(gateway, target, 0, begun, away)
    time.sleep(max(0, away - (time.monotonic() - begun)))
    begun = time.monotonic()
    come_back(target)
    back = seconds_until(gateway, target, 1, begun, 7)
    report = load.communicate()[0]
    total = int(re.search(r"(\d+) requests in", report).group(1))
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    lost = (int(refused.group(1)) if refused else 0) + (sum(map(int, broken.groups())) if broken else 0)
    slowest = re.search(r"Latency +\S+ +\S+ +(\S+)", report).group(1)
    return f"{total:8} {lost:5} {slowest:>9} {out:>10} {back:>11}"


def seconds_until(gateway, target, health, begun, patience):
    """How long it took until the gateway told of this health."""
    while time.monotonic() - begun < patience:
        if gateway.metric("postern_target_healthy", f'"127.0.0.1:{target.port}"') == health:
            return f"{time.monotonic() - begun:.2f} s"
        time.sleep(0.01)
    return "never"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--postern", required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--function", required=True)
    parser.add_argument("--seconds", type=int, default=5, help="of load for each figure of a function's cost")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is told")
    parser.add_argument("--away", type=int, default=5, help="seconds for which a target is away")
    parser.add_argument("--only", default="functions,limits,targets")
    arguments = parser.parse_args()
    for name in arguments.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            {"functions": functions, "limits": limits, "targets": targets}[name](arguments, folder)


if __name__ == "__main__":
    main()
