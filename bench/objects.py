# SPDX-License-Identifier: Apache-2.0
"""What large values cost; see objects.cc. Every function gives {figure: value}."""
import os
import subprocess

from measures import Cluster, Failed, progress

SIZES = ["1kB", "64kB", "1MB", "16MB", "256MB", "2GB"]
WORKERS = 5  # of the broadcast: one that makes the value and four that want it


def run(cluster, *arguments, prefix=()):
    done = subprocess.run([*prefix, str(cluster.build / "bench" / "bench_objects"), *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=cluster.environment)
    if done.returncode != 0:
        raise Failed(f"{done.stderr}bench_objects {' '.join(arguments)} ended with status {done.returncode}")
    return {key: float(value) for key, value in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}


class Hosts:
    """Network namespaces on one bridge, for the time of a `with`; only root may make them."""

    def __init__(self, count):
        self.names = [f"morrow-bench-{os.getpid()}-{i}" for i in range(count)]
        self.bridge = f"mb{os.getpid()}"

    def __enter__(self):
        ip = self.ip
        ip("link", "add", self.bridge, "type", "bridge")
        ip("link", "set", self.bridge, "up")
        for i, name in enumerate(self.names):
            outer, inner = f"mo{i}-{os.getpid()}"[:15], f"mi{i}-{os.getpid()}"[:15]
            ip("netns", "add", name)
            ip("link", "add", outer, "type", "veth", "peer", "name", inner)
            ip("link", "set", outer, "master", self.bridge, "up")
            ip("link", "set", inner, "netns", name)
            inside = ["netns", "exec", name, "ip"]
            ip(*inside, "addr", "add", f"{self.address(i)}/24", "dev", inner)
            ip(*inside, "link", "set", inner, "up")
            ip(*inside, "link", "set", "lo", "up")
        return self

    @staticmethod
    def address(i):
        return f"10.78.0.{i + 1}"

    @staticmethod
    def ip(*arguments):
        done = subprocess.run(["ip", *arguments], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(f"{done.stderr}ip {' '.join(arguments)} failed")

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        subprocess.run(["ip", "link", "del", self.bridge], stderr=subprocess.DEVNULL)


def in_hosts(build, workers, memory, *arguments):
    """Workers in namespaces of their own, with TLS between them; the driver beside the first."""
    with Hosts(workers) as hosts, Cluster(build) as cluster:
        for i, name in enumerate(hosts.names):
            cluster.start("--name", f"w{i}", "--resource", f"{'ab'[i] if workers == 2 else f'w{i}'}=8", "--address",
                          hosts.address(i), "--object-memory", memory, prefix=("ip", "netns", "exec", name))
        return run(cluster, *arguments)


def objects(build):
    found = {}
    with Cluster(build) as cluster:
        cluster.start("--object-memory", "7GB")
        progress("put and get")
        found.update(run(cluster, "memory"))
        progress("many objects")
        found.update(run(cluster, "many"))
    with Cluster(build) as cluster:
        progress("to disk and back")
        folder = cluster.folder / "spill"
        folder.mkdir()
        cluster.start("--object-memory", "600MB", "--spill-dir", str(folder))
        found.update(run(cluster, "spill", str(folder)))
    with Cluster(build) as cluster:
        progress("from worker to worker")
        for name in "ab":
            cluster.start("--name", name, "--resource", f"{name}=8", "--object-memory", "2500MB")
        found.update(run(cluster, "transfer", "plain"))
    if os.geteuid() == 0:
        progress("from worker to worker, encrypted")
        found.update(in_hosts(build, 2, "2500MB", "transfer", "tls"))
        progress("to four workers")
        found.update(in_hosts(build, WORKERS, "2200MB", "broadcast", str(WORKERS)))
    else:
        progress("TLS and broadcast need network namespaces: only root can measure them")
    return found
