# SPDX-License-Identifier: Apache-2.0
"""How each figure is measured. Every function gives {figure: value}; docs/performance.md says what they mean."""
import json
import os
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUEUED = 1_000_000


class Failed(Exception):
    """A program did not do what it should; the text says what it said."""


def google_benchmark(program, pattern, environment=None, seconds=None):
    """{benchmark without its prefix: its measures} of those that match `pattern`."""
    command = [str(program), "--benchmark_format=json", f"--benchmark_filter=^[a-z]+_({pattern})"]
    if seconds is not None:
        command.append(f"--benchmark_min_time={seconds}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    if done.returncode != 0:
        raise Failed(f"{done.stderr}{program} ended with status {done.returncode}; what it said is above")
    if "{" not in done.stdout:
        return {}  # it has none of these
    found = json.loads(done.stdout[done.stdout.index("{"):])["benchmarks"]
    return {entry["name"].removesuffix("/real_time").split("_", 1)[1]: entry for entry in found}


class Cluster:
    """A cluster of its own, in a folder of its own, for the time of a `with`."""

    def __init__(self, build):
        self.build = build
        self.morrow = build / "bin" / "morrow"
        self.workers = []

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="morrow-bench-"))
        (self.folder / "run").mkdir(mode=0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "run"),
                                MORROW_HOME=str(self.folder / "home"), MORROW_CLUSTER="bench")
        return self

    def start(self, *options, prefix=()):
        log = open(self.folder / f"worker-{len(self.workers)}.log", "w+")
        worker = subprocess.Popen([*prefix, str(self.morrow), "worker", "bench", *options], stdout=log, stderr=log,
                                  env=self.environment)
        self.workers.append(worker)
        for _ in range(300):
            if worker.poll() is not None:
                break
            status = subprocess.run([str(self.morrow), "status", "bench"], env=self.environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            if status.returncode == 0 and str(worker.pid) in status.stdout:
                return worker
            time.sleep(0.1)
        log.seek(0)
        raise Failed(f"{log.read()}a worker did not start; what it said is above")

    def store_bytes(self):
        """What the store's pages take on disk."""
        files = (Path(folder) / "data.mdb" for folder, _, names in os.walk(self.folder) if "data.mdb" in names)
        return sum(file.stat().st_blocks * 512 for file in files)

    def __exit__(self, *_):
        for worker in reversed(self.workers):
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def memory_of(pid):
    """Resident bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def many_clients(build, clients=4):
    """Drivers at once on one worker, windows of 1,000."""
    with Cluster(build) as cluster:
        cluster.start()
        command = [str(build / "bench" / "bench_tasks"), "--benchmark_format=json",
                   "--benchmark_filter=^tasks_async/1000/", "--benchmark_min_time=3"]
        drivers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                    env=cluster.environment) for _ in range(clients)]
        rate = 0
        for driver in drivers:
            text, _ = driver.communicate()
            if driver.returncode != 0:
                raise Failed(f"a driver ended with status {driver.returncode}")
            rate += json.loads(text[text.index("{"):])["benchmarks"][0]["items_per_second"]
    return {"many_clients": rate}


def million(build, count=QUEUED):
    """Futures queued in the store before a worker with cpus starts, then run."""
    with Cluster(build) as cluster:
        holder = cluster.start("--name", "holder", "--cpus", "0.001")  # too little for any
        empty = cluster.store_bytes()
        driver = subprocess.Popen([str(build / "bench" / "bench_queue"), str(count)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env=cluster.environment)
        queued = driver.stdout.readline().split()
        if len(queued) != 2 or queued[0] != "queued":
            raise Failed("the futures were not queued")
        figures = {
            "queue_rate": count / float(queued[1]),
            "store_bytes": (cluster.store_bytes() - empty) / count,
            "worker_memory": memory_of(holder.pid) / count,
            "driver_memory": memory_of(driver.pid) / count,
        }
        cluster.start("--name", "runner")
        driver.stdin.write("go\n")
        driver.stdin.flush()
        done = driver.stdout.readline().split()
        driver.stdin.close()
        if driver.wait() != 0 or len(done) != 2:
            raise Failed("the queued futures did not give their values")
        figures["million"] = count / float(done[1])
    return figures


def start(build, times=10):
    """Milliseconds from main to the first value, with a private worker."""
    found = []
    for _ in range(times):
        done = subprocess.run([str(build / "bench" / "bench_start")], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(f"bench_start ended with status {done.returncode}")
        found.append(float(done.stdout))
    return {"start": statistics.median(found)}


def compile_quickstart(build):
    """Seconds and megabytes to compile the quick start, with the flags that its build has."""
    commands = json.loads((build / "compile_commands.json").read_text())
    entry = next(one for one in commands if one["file"].endswith("examples/quickstart.cc"))
    command = shlex.split(entry["command"])
    while command and not command[0].endswith(("c++", "g++", "clang++")):
        command.pop(0)  # a compiler cache would measure nothing
    command[command.index("-o") + 1] = os.devnull
    begin = time.monotonic()
    compiler = subprocess.Popen(command, cwd=entry["directory"])
    _, status, used = os.wait4(compiler.pid, 0)  # of this child alone, with those that it waited for
    seconds = time.monotonic() - begin
    if status != 0:
        raise Failed("the quick start was not compiled; what the compiler said is above")
    return {"compile_seconds": seconds, "compile_memory": used.ru_maxrss * 1024}


def progress(text):
    print(text, file=sys.stderr, flush=True)
