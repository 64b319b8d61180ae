#!/usr/bin/env python3
"""How Postern grows: with workers, with resources, and over connections. Called by benches/scale; see README.md beside it.

Standard library only; the load is the comparison's. Everything is on 127.0.0.1.
"""
import argparse, collections, json, os, pathlib, random, resource, signal, socket, statistics, subprocess, sys, tempfile, time, urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "comparison"))
import run
from gateway import free_port

ENDPOINT, OPEN, STAGE = "vpce-0a1b2c3d4e5f60718", "vpce-00000000000000001", "bench"
RESOURCES_EACH, KEYS = 100, 10_000
RATE = 4_000
peer = run.load_peer("postern")


def name_of(number):
    return f"api{number:07}"


def host_of(api):
    return f"{api}.execute-api.us-east-1.amazonaws.com"


class House:
    """A Postern that does the gateway job for so many APIs of a hundred resources each, and plain requests beside it."""
    def __init__(self, arguments, apis, workers, cores):
        self.arguments, self.apis, self.cores = arguments, apis, cores
        self.held = tempfile.TemporaryDirectory()
        self.folder = self.held.name
        self.secure, self.plain, self.admin, self.backends = free_port(), free_port(), free_port(), [free_port(), free_port()]
        chosen = random.Random(1)
        self.keys = ["%040x" % chosen.getrandbits(160) for _ in range(KEYS)]
        self.write_configuration(workers)
        self.write_requests(chosen)
        self.backend = run.popen([os.path.join(arguments.tools, "backend"), *map(str, self.backends)], arguments.load_core)
        begun = time.monotonic()
        self.log = open(self.path("log"), "wb")
        self.process = run.popen([arguments.postern, "run", "--config", self.path("postern.yaml")], cores, cwd=self.folder,
                                 stdout=self.log, stderr=self.log)
        self.generation()
        self.load_seconds, self.load_cpu_seconds = time.monotonic() - begun, run.cpu(self.process.pid)[0]
        self.ask(1, 1)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        pathlib.Path(self.path(name)).write_text(json.dumps(content))

    def write_configuration(self, workers):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                        self.path("key.pem"), "-out", self.path("cert.pem"), "-days", "30", "-subj", "/CN=bench", "-addext",
                        f"subjectAltName=DNS:{host_of(name_of(0))}"], check=True, capture_output=True)
        self.write("policy.json", peer.policy(ENDPOINT, ["127.0.0.0/8"]))
        self.write("open.json", peer.definition([("/{proxy+}", ["proxy"])], False))
        self.write("open-policy.json", {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
        paths = [(f"/svc{number:04}/items/{{id}}", ["id"]) for number in range(RESOURCES_EACH)]
        private, huge = {"types": ["PRIVATE"]}, {"throttlingRateLimit": 1e9, "throttlingBurstLimit": 1_000_000_000}
        names = [name_of(number) for number in range(self.apis)]
        for name in names:
            self.write(f"{name}.json", peer.definition(paths, True))
        keys = [f"key{number}" for number in range(KEYS)]
        limits = ["connections", "connectionsPerListener", "connectionsPerPeer", "acceptsPerSecond", "requestsPerConnection"]
        self.write("postern.yaml", {
            "region": "us-east-1", "accountId": "123456789012", "workers": workers, "admin": {"address": f"127.0.0.1:{self.admin}"},
            "vpcEndpoints": [
                {"vpcEndpointId": ENDPOINT, "vpcId": "vpc-0aaaabbbbccccdddd", "listeners": [{"address": f"127.0.0.1:{self.secure}"}],
                 "tls": [{"certificateFile": self.path("cert.pem"), "privateKeyFile": self.path("key.pem")}]},
                {"vpcEndpointId": OPEN, "vpcId": "vpc-0aaaabbbbccccdddd", "listeners": [{"address": f"127.0.0.1:{self.plain}"}]}],
            "restApis": [{"id": "openproxy1", "definition": "open.json", "endpointConfiguration": private, "policyFile": "open-policy.json",
                          "stages": [{"stageName": STAGE}]}] +
                        [{"id": name, "definition": f"{name}.json", "endpointConfiguration": private, "policyFile": "policy.json",
                          "stages": [{"stageName": STAGE, "methodSettings": {"*/*": huge}}]} for name in names],
            "vpcLinks": [{"id": "vl0001", "name": "backends", "targets": [f"127.0.0.1:{port}" for port in self.backends]}],
            "apiKeys": [{"name": name, "value": value} for name, value in zip(keys, self.keys)],
            "usagePlans": [{"name": "bench", "throttle": {"rateLimit": 1e9, "burstLimit": 1_000_000_000},
                            "quota": {"limit": 1_000_000_000, "period": "MONTH"}, "apiKeys": keys,
                            "apiStages": [{"apiId": name, "stage": STAGE} for name in names]}],
            "accessLog": {"destination": self.path("access.log"), "format": peer.LOG_FORMAT},
            "limits": {"drainWaitSeconds": 0, **dict.fromkeys(limits, 1_000_000)},
        })

    def write_requests(self, chosen):
        """8,192 requests with any key for any resource of one API, as many for all APIs, and a plain one."""
        def request(api, path, more=""):
            return (f"GET /{STAGE}{path} HTTP/1.1\r\nHost: {host_of(api)}\r\nUser-Agent: bench/1\r\n"
                    f"Accept: application/json\r\n{more}\r\n").encode()

        def job(api):
            path = f"/svc{chosen.randrange(RESOURCES_EACH):04}/items/{chosen.randrange(10**6)}"
            return request(api, path, f"x-api-key: {chosen.choice(self.keys)}\r\n")
        run.write_reqs(self.path("plain.req"), [request("openproxy1", "/hello/world?x=1")])
        run.write_reqs(self.path("one.req"), [job(name_of(0)) for _ in range(8_192)])
        run.write_reqs(self.path("all.req"), [job(name_of(chosen.randrange(self.apis))) for _ in range(8_192)])

    def generation(self):
        """The number of the configuration that serves, once the gateway says it."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/config", timeout=60) as answer:
                    return json.load(answer)["generation"]
            except OSError:
                time.sleep(0.02)
        sys.exit("the gateway does not serve: " + pathlib.Path(self.log.name).read_text()[-2_000:])

    def ask(self, seconds, connections=64, requests="one", rate=None, during=None):
        """What the load generator tells of these requests. Nothing may be lost or refused."""
        run.wait_quiet(self.arguments.quiet)
        is_plain = requests == "plain"
        more = ["-g", "20000", *([] if is_plain else ["-t", "-s", host_of(name_of(0))]), *(["-r", str(rate)] if rate else [])]
        port = self.plain if is_plain else self.secure
        told = run.loadgen(self.arguments, self.process.pid, port, self.path(f"{requests}.req"), connections, seconds, more, during)
        if "error" in told or told["bad"] or told["errors"] or told["unanswered"] or not told["ok"]:
            sys.exit(f"not all was answered: {told}")
        return told

    def end(self):
        run.stop(self.process)
        run.stop(self.backend)
        self.held.cleanup()


def costs_in_turn(arguments, houses, **asked):
    """CPU microseconds for a request of each gateway, the median of rounds in which they take turns."""
    costs = [[] for _ in houses]
    for _ in range(arguments.rounds):
        for house, cost in zip(houses, costs):
            cost.append(house.ask(arguments.seconds, **asked)["cpu_us"])
    return map(statistics.median, costs)


# ---- a second worker -----------------------------------------------------------------------------------------------

def workers(arguments):
    """CPU of the gateway for a request with one worker and with two, at the same rate and with as much as it takes. The gateway
    may use both processors, whichever it has; client and backend share them."""
    arguments.load_core = "0,1"
    both = [House(arguments, 10, count, "0,1") for count in (1, 2)]
    print(f"{'':24} {'1 worker':>10} {'2 workers':>10} {'ratio':>6}   CPU microseconds for a request, medians of {arguments.rounds}")
    try:
        for name, requests in (("plain (S1)", "plain"), ("gateway job (S2)", "one")):
            for told, rate in ((f", {RATE:,}/s", RATE), (", without a pause", None)):
                one, two = costs_in_turn(arguments, both, requests=requests, rate=rate)
                print(f"{name + told:34} {one:6.1f} {two:10.1f} {two / one:6.2f}", flush=True)
    finally:
        for house in both:
            house.end()


# ---- 100,000 resources ---------------------------------------------------------------------------------------------

def table(arguments):
    """What 100,000 resources in 1,000 APIs cost to load, to hold and to look through, beside 1,000 resources in 10."""
    both = [House(arguments, apis, 1, "0") for apis in (10, 1_000)]
    few, many = both
    try:
        sizes = [run.pss_kib(house.process.pid) for house in both]
        print(f"{'resources':>10} {'load, s':>8} {'of CPU':>7} {'MiB':>7}")
        for house, size in zip(both, sizes):
            print(f"{house.apis * RESOURCES_EACH:10,} {house.load_seconds:8.2f} {house.load_cpu_seconds:7.2f} {size / 1024:7.1f}")
        print(f"{(sizes[1] - sizes[0]) * 1024 / ((many.apis - few.apis) * RESOURCES_EACH):.0f} bytes for each resource")
        for name, requests in (("one API is asked", "one"), ("every API is asked over every connection", "all")):
            of_few, of_many = costs_in_turn(arguments, both, requests=requests)
            print(f"gateway job, {name}: {of_few:.1f} and {of_many:.1f} microseconds of CPU for a request, {of_many / of_few:.3f}", flush=True)
    finally:
        for house in both:
            house.end()


def swap(arguments):
    """What clients see while that table is read anew and replaced, on one processor."""
    house = House(arguments, 1_000, 1, "0")
    seconds, rate = 8, 1_500
    took = []

    def replace():
        time.sleep(1)
        begun, before = time.monotonic(), house.generation()
        house.process.send_signal(signal.SIGHUP)
        while house.generation() == before:
            time.sleep(0.02)
        took.append(time.monotonic() - begun)
    print(f"{'':10} {'answers':>8} {'late':>5} {'p99':>8} {'p99.9':>8} {'most':>8} {'gap':>8}   microseconds at {rate:,}/s, late: more than 20 ms")
    try:
        for _ in range(arguments.rounds):
            for name, during in (("alone", None), ("replaced", replace)):
                told = house.ask(seconds, rate=rate, during=during)
                print(f"{name:10} {told['done']:8} {told['late']:5} {told['p99']:8.0f} {told['p999']:8.0f} {told['max']:8.0f} "
                      f"{told['max_gap_us']:8.0f}" + (f"   in {took[-1]:.2f} s" if during and took else ""), flush=True)
    finally:
        house.end()


# ---- connections over workers --------------------------------------------------------------------------------------

def spread(arguments):
    """How eight connections that come together land on two workers, where others rest: seen by which worker is given
    sockets to watch."""
    for resting in (0, 100):
        house = House(arguments, 1, 2, "0,1")
        seen = collections.Counter()
        request = f"GET /{STAGE}/hello HTTP/1.1\r\nHost: {host_of('openproxy1')}\r\n\r\n".encode()

        def open_one():
            connection = socket.create_connection(("127.0.0.1", house.plain))
            connection.sendall(request)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            return connection
        try:
            held = [open_one() for _ in range(resting)]
            for _ in range(arguments.trials):
                before = watched(house)
                busy = [open_one() for _ in range(8)]
                after = watched(house)
                seen[tuple(sorted((len(after[worker] - before[worker]) for worker in after), reverse=True))] += 1
                for connection in busy:
                    connection.close()
                while any(len(after[worker] - before[worker]) for worker in after):
                    after = watched(house)
            told = ", ".join(f"{one} : {other} {count} times" for (one, other), count in sorted(seen.items()))
            print(f"eight connections beside {resting} that rest: {told}", flush=True)
        finally:
            del held
            house.end()


def watched(house):
    """The clients' connections that each worker watches, by the worker's event queue."""
    folder = f"/proc/{house.process.pid}"
    clients = client_sockets(house)
    queues = {}
    for name in os.listdir(f"{folder}/fd"):
        try:
            if os.readlink(f"{folder}/fd/{name}") == "anon_inode:[eventpoll]":
                lines = pathlib.Path(f"{folder}/fdinfo/{name}").read_text().splitlines()
                queues[name] = {int(line.split()[1]) for line in lines if line.startswith("tfd:")}
        except OSError:
            pass
    # A worker's queue is one that watches a listening socket of its own; it may have two descriptors.
    return {frozenset(files & clients.listening): files & clients.connected
            for files in queues.values() if files & clients.listening}


def client_sockets(house):
    """File descriptors of the plain listener: those that listen, and those of connections."""
    folder, port = f"/proc/{house.process.pid}", f":{house.plain:04X}"
    listening, connected = set(), set()
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port):
            (listening if fields[3] == "0A" else connected).add(fields[9])
    files = {}
    for name in os.listdir(f"{folder}/fd"):
        try:
            target = os.readlink(f"{folder}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            files[int(name)] = target[8:-1]
    sockets = collections.namedtuple("sockets", "listening connected")
    return sockets({file for file, inode in files.items() if inode in listening},
                   {file for file, inode in files.items() if inode in connected})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--postern", required=True)
    parser.add_argument("--tools", required=True)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is told")
    parser.add_argument("--seconds", type=float, default=2, help="of load for each figure")
    parser.add_argument("--trials", type=int, default=200, help="of eight connections each")
    parser.add_argument("--quiet", type=float, default=6, help="wait at most so long for other work to pause")
    parser.add_argument("--only", default="workers,table,swap,spread")
    arguments = parser.parse_args()
    arguments.load_core = "1"
    arguments.postern = os.path.abspath(arguments.postern)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 60_000), most))
    try:
        for name in arguments.only.split(","):
            {"workers": workers, "table": table, "swap": swap, "spread": spread}[name](arguments)
    finally:
        for process in list(run.LIVE):
            run.stop(process)


if __name__ == "__main__":
    main()
