# SPDX-License-Identifier: Apache-2.0
"""The processes of a soak: three workers that come back after their death, and drivers that follow each other."""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

NAME = "soak"
WORKERS = ("a", "b", "c")
LEASE_MS = 3000
GRACE_MS = 4000
# So little memory that values go to disk, and so much disk that all of them have room with one worker.
OBJECT_MEMORY = "16MB"
SPILL_LIMIT = "600MB"
KEPT_FAMILIES = "vypb"  # schema, secrets, programs and images: for the next session; see docs/store.md


class Failed(Exception):
    """The soak itself could not go on."""


class Child:
    """A process that is started again and again. `logs` are of all its lives."""

    def __init__(self, cluster, name, command, linger_s):
        self.cluster, self.name, self.command, self.linger_s = cluster, name, command, linger_s
        self.log = cluster.folder / f"{name}.log"
        self.process = None
        self.again_at = 0.0
        self.statuses = []

    @property
    def pid(self):
        return self.process.pid if self.process is not None else None

    def running(self):
        """Also takes note of its end."""
        if self.process is None:
            return False
        status = self.process.poll()
        if status is None:
            return True
        self.statuses.append(status)
        self.process = None
        self.again_at = time.monotonic() + self.linger_s()
        return False

    def start(self, text=None):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE if text else subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.cluster.environment)
        if text:
            try:
                self.process.stdin.write(text.encode())
                self.process.stdin.close()
            except BrokenPipeError:
                pass

    def signal(self, number):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Cluster:
    """Everything in one folder, whose path is in the environment of each process: the cluster's mark."""

    def __init__(self, build, seed, drivers, keep):
        self.chance = random.Random(seed)
        self.build, self.keep = build, keep
        self.lease_s, self.grace_s = LEASE_MS / 1000, GRACE_MS / 1000
        self.driver_count = drivers
        self.runs = 0
        self.log_read = {name: 0 for name in WORKERS}  # bytes
        self.evictions = []  # as Faults.log has them: of a worker that was evicted and came back

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="morrow-soak-"))
        (self.folder / "run").mkdir(mode=0o700)
        (self.folder / "spill").mkdir()
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.folder / "run"),
                                MORROW_HOME=str(self.folder / "home"), MORROW_CLUSTER=NAME, MORROW_SOAK=str(self.folder),
                                MORROW_SOAK_GRACE_MS=str(GRACE_MS))
        self.morrow = self.build / "bin" / "morrow"
        self.workers = [Child(self, name, self.worker_command(name), lambda: self.chance.uniform(0, 1.5))
                        for name in WORKERS]
        driver = [str(self.build / "test-programs" / "soak_driver")]
        self.drivers = [Child(self, f"driver{i}", driver, lambda: self.chance.uniform(0, 0.5))
                        for i in range(self.driver_count)]
        return self

    def __exit__(self, kind, *_):
        for child in self.workers + self.drivers:
            if child.process is not None and child.process.poll() is None:
                child.process.kill()
                child.process.wait()
        if not self.keep and kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def worker_command(self, name):
        return [str(self.morrow), "worker", NAME, "--name", name, "--cpus", "2", "--lease-ms", str(LEASE_MS),
                "--object-memory", OBJECT_MEMORY, "--spill-limit", SPILL_LIMIT, "--spill-dir",
                str(self.folder / "spill"), "--hand-over-s", "10"]

    def keep_workers(self):
        """Starts those again that have ended, after a while."""
        self.look_at_logs()
        for worker in self.workers:
            if not worker.running() and time.monotonic() >= worker.again_at:
                worker.start()

    def keep_drivers(self):
        """The same; each is a new one."""
        now = time.monotonic()
        for driver in self.drivers:
            if not driver.running() and now >= driver.again_at:
                self.runs += 1
                driver.run = f"d{self.runs}"
                driver.start(f"{driver.run} {self.chance.randrange(1 << 62)}\n")

    def wait_for_drivers(self, limit_s):
        """The names of the drivers that did not end."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end and any(driver.running() for driver in self.drivers):
            self.keep_workers()
            time.sleep(0.05)
        return [driver.run for driver in self.drivers if driver.running()]

    # ---- what is left ----

    def ask(self, command):
        done = subprocess.run([str(self.morrow), command, NAME, "--json"], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def keys(self, kept):
        """Of the families that are not kept, as lines."""
        url = f"lmdb:{self.folder}/home/{NAME}/store"
        done = subprocess.run([str(self.build / "test-programs" / "soak_store"), url], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment)
        if done.returncode != 0:
            raise Failed(f"the store can't be read: {done.stderr}")
        return [line for line in done.stdout.splitlines() if line[0] not in kept]

    def wait_until_clear(self, limit_s):
        """Keys of sessions and futures, and object memory in use, as lines; while the workers live."""
        end = time.monotonic() + limit_s
        while True:
            keys = self.keys(KEPT_FAMILIES + "wd")  # of living workers
            objects = self.ask("objects")
            used = [] if objects is None else [f"{int(one.get('used', 0))} of object memory at {one['worker']}"
                                               for one in objects if int(one.get("used", 0)) != 0]
            used += self.files_left()
            if (not keys and not used and objects is not None) or time.monotonic() > end:
                return keys, used
            time.sleep(0.2)

    def keys_after_the_end(self):
        return [f"after the end: {line}" for line in self.keys(KEPT_FAMILIES)]

    def bytes_on_disk(self):
        """Of values that were spilled."""
        return sum(int(line.split()[0]) for line in self.files_left())

    def files_left(self):
        found = []
        # Workers free files and clear the folders of dead ones meanwhile: os.walk passes over a folder that is gone.
        for folder, _, names in os.walk(self.folder / "spill"):
            for name in names:
                try:
                    size = (Path(folder) / name).stat().st_size
                except FileNotFoundError:
                    continue
                if size != 0:
                    found.append(f"{size} in {Path(folder) / name}")
        return found

    def end(self):
        """Ends the workers in order; returns what processes there are then, and workers that ended otherwise."""
        wrong = []
        for driver in self.drivers:
            if driver.running():
                driver.process.kill()
                driver.process.wait()
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            if worker.process is None:
                continue
            try:
                status = worker.process.wait(60)
                if status != 0:
                    wrong.append(f"worker {worker.name} ended with status {status}")
            except subprocess.TimeoutExpired:
                wrong.append(f"{worker.pid}: worker {worker.name} does not end")
        end = time.monotonic() + 5  # the kernel's time to kill
        while (left := self.marked()) and time.monotonic() < end:
            time.sleep(0.1)
        return wrong + [f"{pid}: {command}" for pid, command in left.items()]

    def marked(self):
        """{pid: command line} of all processes that have the cluster's mark."""
        found = {}
        mark = f"MORROW_SOAK={self.folder}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                pass
        return found

    def look_at_logs(self):
        """Notes which workers were evicted and came back: for what they held that is as a death."""
        for worker in self.workers:
            if not worker.log.exists():
                continue
            with open(worker.log, errors="replace") as log:
                log.seek(self.log_read[worker.name])
                text = log.read()
                self.log_read[worker.name] = log.tell()
            if "it joins the cluster again" in text:
                self.evictions.append((time.monotonic(), "evicted worker", worker.name, 0.0))
