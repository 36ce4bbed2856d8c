# SPDX-License-Identifier: Apache-2.0
"""What the death of a worker costs; see survival.cc. Every function gives {figure: value}."""
import signal
import statistics
import subprocess
import tempfile
import time

from measures import Cluster, Failed, progress

LEASE_S = 5
DEATHS = 5
SECONDS = 20
BETWEEN_KILLS_S = 2
WORKERS = 3


def driver(cluster, *arguments):
    return subprocess.Popen([str(cluster.build / "bench" / "bench_survival"), *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, env=cluster.environment)


def rerun(build, number):
    """Seconds from `number`, sent to the worker that runs a task, to the second run of it by another one."""
    with Cluster(build) as cluster:
        victim = cluster.start("--name", "victim", "--cpus", "1")
        begun = cluster.folder / "begun"
        runs = driver(cluster, "rerun", str(begun))
        wait_until(lambda: begun.exists() and "\n" in begun.read_text(), "the task did not begin")
        cluster.start("--name", "other", "--cpus", "1")
        time.sleep(1)  # the workers see each other
        at = time.monotonic()
        victim.send_signal(number)
        wait_until(lambda: len(begun.read_text().split()) > 1, "the task was not run again")
        took = int(begun.read_text().split()[1]) / 1e9 - at
        victim.kill()
        if runs.wait(60) != 0:
            raise Failed("the driver of a task that was run again failed")
    return took


def wait_until(there, problem):
    end = time.monotonic() + 6 * LEASE_S
    while not there():
        if time.monotonic() > end:
            raise Failed(problem)
        time.sleep(0.005)


def throughput(build, kills):
    """Naps a second, with one of three workers killed every so often, or with none."""
    def start(i):
        return cluster.start("--name", f"worker{i}", "--cpus", "4")

    with Cluster(build) as cluster:
        workers = [start(i) for i in range(WORKERS)]
        runs = driver(cluster, "throughput", str(SECONDS))
        begin = time.monotonic()
        number = 0
        while kills and runs.poll() is None:
            number += 1
            time.sleep(max(0, begin + number * BETWEEN_KILLS_S - time.monotonic()))
            victim = number % WORKERS
            workers[victim].kill()
            workers[victim].wait()
            workers[victim] = start(victim)
        out, _ = runs.communicate()
        if runs.returncode != 0:
            raise Failed(f"a driver under kills ended with status {runs.returncode}")
    return float(out)


def fencing(build):
    """Microseconds of a round, with its fence and without."""
    with tempfile.TemporaryDirectory(prefix="morrow-bench-") as folder:
        done = subprocess.run([str(build / "bench" / "bench_fencing"), folder], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failed(f"bench_fencing ended with status {done.returncode}")
    return {key: float(value) for key, value in (line.split() for line in done.stdout.splitlines())}


def survival(build):
    progress("fencing")
    figures = fencing(build)
    progress(f"{DEATHS} deaths")
    figures["rerun_killed"] = statistics.median(rerun(build, signal.SIGKILL) for _ in range(DEATHS)) / LEASE_S
    progress("a worker that stands still")
    figures["rerun_stopped"] = rerun(build, signal.SIGSTOP) / LEASE_S
    for key, kills in (("no_kills", False), ("kills", True)):
        progress(f"{SECONDS} s of naps: {key}")
        figures[key] = throughput(build, kills)
    return figures
