"""What the benches of limits and backends share: a Postern that serves one API, and wrk before it.

Standard library only. Everything is on 127.0.0.1.
"""
import json, os, re, signal, socket, subprocess, sys, time, urllib.request

API = "a1b2c3d4e5"
ENDPOINT = "vpce-01234567abcdef012"
HOST = f"{API}.execute-api.us-east-1.amazonaws.com"


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def operation(integration):
    return {"responses": {"200": {"description": "done"}}, "x-amazon-apigateway-integration": integration}


def mock(body):
    return operation({
        "type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": body}}}})


def http_proxy(uri, **more):
    return operation({"type": "http_proxy", "httpMethod": "GET", "uri": uri} | more)


def cpu_seconds(process):
    """The CPU time of a process, without its children's."""
    tasks = f"/proc/{process.pid}/task"
    return sum(int(open(f"{tasks}/{task}/schedstat").read().split()[0]) for task in os.listdir(tasks)) / 1e9


class Gateway:
    """A Postern with one API, whose definition holds `paths` and more; `change` has the last word on the configuration."""
    def __init__(self, program, folder, paths, workers, more=None, change=None, before=()):
        self.program, self.folder, self.port, self.admin, self.before = program, folder, free_port(), free_port(), list(before)
        self.write("api.json", {"openapi": "3.0.1", "info": {"title": "bench", "version": "1"}, "paths": paths} | (more or {}))
        self.write("policy.json", {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]})
        self.configuration = {
            "region": "us-east-1", "accountId": "123456789012", "workers": workers, "stateDirectory": "state",
            "admin": {"address": f"127.0.0.1:{self.admin}"}, "limits": {"drainWaitSeconds": 0},
            "vpcEndpoints": [{"vpcEndpointId": ENDPOINT, "vpcId": "vpc-0aaaabbbbccccdddd",
                              "listeners": [{"address": f"127.0.0.1:{self.port}"}]}],
            "restApis": [{"id": API, "definition": "api.json", "policyFile": "policy.json",
                          "endpointConfiguration": {"types": ["PRIVATE"]}, "stages": [{"stageName": "demo"}]}],
        } | (change or {})
        self.write("postern.yaml", self.configuration)
        self.start()

    def write(self, name, content):
        aside = os.path.join(self.folder, name + ".new")
        with open(aside, "w") as file:
            json.dump(content, file)
        os.chmod(aside, 0o600)
        os.rename(aside, os.path.join(self.folder, name))

    def start(self):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen(self.before + [self.program, "run", "--config", "postern.yaml"], cwd=self.folder,
                                        stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if self.ask_admin("/readyz") == "ready\n":
                    return
            except OSError:
                time.sleep(0.02)
        sys.exit("the gateway does not start: " + open(os.path.join(self.folder, "log")).read())

    def ask_admin(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name, word):
        """The value of the line of a metric that holds this word; None where there is none."""
        for line in self.ask_admin("/metrics").splitlines():
            if line.startswith(name + "{") and word in line:
                return float(line.rsplit(" ", 1)[1])
        return None

    def swap(self):
        """Serves another configuration with the same limits, and waits until it does."""
        before = json.loads(self.ask_admin("/config"))["generation"]
        self.configuration["restApis"][0]["stages"][0]["variables"] = {"swapped": str(before)}
        self.write("postern.yaml", self.configuration)
        self.process.send_signal(signal.SIGHUP)
        while json.loads(self.ask_admin("/config"))["generation"] == before:
            time.sleep(0.01)

    def cpu_seconds(self):
        return cpu_seconds(self.process)

    def load(self, path, seconds, key=None, connections=64):
        """(accepted, refused, seconds) of wrk."""
        command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--header", f"Host: {HOST}"]
        command += ["--header", f"x-api-key: {key}"] if key else []
        report = subprocess.run(command + [f"http://127.0.0.1:{self.port}/demo{path}"], capture_output=True, text=True).stdout
        total, took = re.search(r"(\d+) requests in ([\d.]+)s", report).groups()
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
        refused = int(refused.group(1)) if refused else 0
        return int(total) - refused, refused, float(took)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()
