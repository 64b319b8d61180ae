#!/usr/bin/env python3
"""How exactly limits are honoured under load. Called by benches/accuracy; see README.md beside it.

Standard library only; the load is wrk's. Everything is on 127.0.0.1.
"""
import argparse, random, signal, socket, statistics, subprocess, tempfile, threading, time

from gateway import API, HOST, Gateway, free_port, http_proxy, mock

KEY, QUIET = "noisy-key-of-twenty-characters", "quiet-key-of-twenty-characters"
# Requests a second, what the bucket holds, and what is behind. A bucket holds a second: on a machine that does other
# work too, nobody asks for a while now and then, and what a smaller bucket would have brought meanwhile is lost.
RATES = [(10, 10, "proxied"), (100, 100, "proxied"), (1_000, 1_000, "proxied"), (5_000, 5_000, "proxied"),
         (20_000, 20_000, "proxied"), (50_000, 50_000, "mock")]


class LimitedGateway(Gateway):
    """A Postern with a method for each rate, `/open` without a limit, and `/keyed` for two keys of one plan."""
    def __init__(self, arguments, folder, backend, workers, plan=None):
        proxied = http_proxy(f"http://127.0.0.1:{backend}/")
        paths = {f"/r{rate}": {"get": mock("done") if kind == "mock" else proxied} for rate, _, kind in RATES}
        paths |= {"/open": {"get": proxied}, "/keyed": {"get": proxied | {"security": [{"key": []}]}}}
        keys = {"securitySchemes": {"key": {"type": "apiKey", "name": "x-api-key", "in": "header"}}}
        limits = {f"/r{rate}/GET": {"throttlingRateLimit": rate, "throttlingBurstLimit": burst} for rate, burst, _ in RATES}
        change = {
            "restApis": [{"id": API, "definition": "api.json", "policyFile": "policy.json",
                          "endpointConfiguration": {"types": ["PRIVATE"]},
                          "stages": [{"stageName": "demo", "methodSettings": limits}]}],
            "apiKeys": [{"name": "noisy", "value": KEY}, {"name": "quiet", "value": QUIET}],
            "usagePlans": [{"name": "gold", "apiStages": [{"apiId": API, "stage": "demo"}],
                            "apiKeys": ["noisy", "quiet"]} | (plan or {})],
        }
        super().__init__(arguments.postern, folder, paths, workers, {"components": keys}, change)


def rates(arguments, place):
    print(f"{'workers':>7} {'rate':>7} {'burst':>6} {'behind':8} {'asked/s':>8} {'accepted':>9} {'burst+rate*t':>12} {'error':>8}")
    worst = 0
    for workers in map(int, arguments.workers.split(",")):
        with place(workers) as gateway:
            for rate, burst, kind in (row for row in RATES if str(row[0]) in arguments.rates.split(",")):
                swap = threading.Timer(arguments.seconds / 2, gateway.swap)
                swap.start()
                begun = time.monotonic()
                accepted, refused, seconds = gateway.load(f"/r{rate}", arguments.seconds)
                most = burst + rate * (time.monotonic() - begun)
                swap.join()
                expected = burst + rate * seconds
                error = (accepted - expected) / expected
                worst = max(worst, abs(error))
                told = "" if accepted <= most else "  MORE THAN EVER ALLOWED"
                told += "" if refused else "  (not saturated)"
                print(f"{workers:7} {rate:7} {burst:6} {kind:8} {(accepted + refused) / seconds:8.0f} {accepted:9} {expected:12.0f} {error:8.3%}{told}")
    print(f"the largest error: {worst:.3%}")


def quota(arguments, place):
    """A quota through crashes: what passes beyond it is at most what one flush window lets through, for each crash."""
    rate, limit, crashes = 2_000, 20_000, 3
    plan = {"throttle": {"rateLimit": rate, "burstLimit": 10}, "quota": {"limit": limit, "period": "MONTH"}}
    with place(2, plan) as gateway:
        accepted, times = 0, []
        for _ in range(crashes):
            life = random.uniform(1.5, 2.5)
            timer = threading.Timer(life, gateway.end, [signal.SIGKILL])
            timer.start()
            passed, _, _ = gateway.load("/keyed", 4, KEY)
            timer.join()
            accepted += passed
            times.append(f"{life:.2f} s")
            gateway.start()
        while True:
            passed, refused, _ = gateway.load("/keyed", 2, KEY)
            accepted += passed
            if not passed and refused:
                break
        beyond = accepted - limit
        print(f"quota of {limit} at {rate} a second, killed after {', '.join(times)}: {accepted} accepted, "
              f"{beyond} beyond it, {beyond / crashes / rate:.2f} s of requests for each crash (the flush window is 1 s)")


def cost(arguments, place):
    """CPU of a throttled answer and of a proxied one."""
    with place(1, {"throttle": {"rateLimit": 1, "burstLimit": 1}}) as gateway:
        def of(path, key):
            results = []
            for _ in range(5):
                before = gateway.cpu_seconds()
                accepted, refused, _ = gateway.load(path, 2, key)
                results.append((gateway.cpu_seconds() - before) * 1e6 / (accepted + refused))
            return statistics.median(results)
        proxied, throttled = of("/open", None), of("/keyed", KEY)
        print(f"CPU of the gateway: {proxied:.1f} us proxied, {throttled:.1f} us throttled: {throttled / proxied:.2f} of it")


def fairness(arguments, place):
    """What a quiet key waits beside one that is refused all the time."""
    with place(2, {"throttle": {"rateLimit": 1_000, "burstLimit": 1_000}}) as gateway:
        request = f"GET /demo/keyed HTTP/1.1\r\nHost: {HOST}\r\nx-api-key: {QUIET}\r\n\r\n".encode()

        def ask(count):
            times = []
            with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
                for _ in range(count):
                    begun = time.monotonic()
                    connection.sendall(request)
                    answer = connection.recv(65_536)
                    times.append((time.monotonic() - begun) * 1e6)
                    assert answer.startswith(b"HTTP/1.1 200"), answer
                    time.sleep(0.005)
            times.sort()
            return f"p50 {times[len(times) // 2]:.0f} us, p99 {times[len(times) * 99 // 100]:.0f} us"
        alone = ask(600)
        result = []
        noise = threading.Thread(target=lambda: result.append(gateway.load("/keyed", 5, KEY, 16)))
        noise.start()
        time.sleep(0.5)
        beside = ask(600)
        noise.join()
        accepted, refused, seconds = result[0]
        print(f"a quiet key alone: {alone}; beside one that is refused {refused / seconds:.0f} times a second: {beside}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--postern", required=True)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", default="1,2,8")
    parser.add_argument("--rates", default=",".join(str(rate) for rate, _, _ in RATES))
    parser.add_argument("--only", default="rates,quota,cost,fairness")
    arguments = parser.parse_args()
    port = free_port()
    backend = subprocess.Popen([arguments.backend, str(port)])

    class place:
        """A gateway in a folder of its own, ended and cleared away afterwards."""
        def __init__(self, workers, plan=None):
            self.folder = tempfile.TemporaryDirectory()
            self.gateway = LimitedGateway(arguments, self.folder.name, port, workers, plan)

        def __enter__(self):
            return self.gateway

        def __exit__(self, *_):
            self.gateway.end()
            self.folder.cleanup()
    try:
        for name in arguments.only.split(","):
            {"rates": rates, "quota": quota, "cost": cost, "fairness": fairness}[name](arguments, place)
    finally:
        backend.terminate()


if __name__ == "__main__":
    main()
