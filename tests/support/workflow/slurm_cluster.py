"""A Slurm cluster of two nodes, both this machine, each with two GPUs that are none. Needs root and Debian's slurm-wlm and munge."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SYSTEM = Path("/etc/slurm")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
NULL_DEVICE = os.makedev(1, 3)
SLURM = """\
ClusterName=tiny
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/ctld
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=2,bf_interval=1
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
GresTypes=gpu
MinJobAge=3600
KillWait=5
NodeName=DEFAULT CPUs={cores} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]}
PartitionName=tiny Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=500
"""
GPUS = "Name=gpu File={folder}/gpu[0-1]\n"
CGROUP = "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\nConstrainCores=no\n"
CONFIGURATION = {"slurm.conf": SLURM, "gres.conf": GPUS, "cgroup.conf": CGROUP}


def why_not() -> str | None:
    """Why no cluster can be started here; None where it can."""
    if os.geteuid() != 0:
        return "a Slurm cluster is started as root only"
    if lacking := [name for name in PROGRAMS if not find(name)]:
        return f"no {', '.join(lacking)}: apt-get install --no-install-recommends slurm-wlm munge"
    if (SYSTEM / "slurm.conf").exists():
        return f"{SYSTEM}/slurm.conf is there: this machine belongs to a cluster"
    return None


def remove_left_over():
    """Take away the links of a cluster whose test was killed, so that it could not stop: they lead to temporary files, and nothing runs."""
    target = SYSTEM / "slurm.conf"
    if not target.is_symlink() or not target.readlink().is_relative_to(tempfile.gettempdir()):
        return
    pid = target.readlink().with_name("slurmctld.pid")
    if not pid.exists() or not Path("/proc", pid.read_text().strip()).exists():
        unlink_configuration()


def unlink_configuration():
    for name in CONFIGURATION:
        (SYSTEM / name).unlink(missing_ok=True)


def find(program: str) -> str | None:
    return shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin")


def node_names() -> tuple[str, str]:
    """The first is the machine's name, since processes of a job look for one another there."""
    host = socket.gethostname().split(".")[0]
    return host, f"{host}-again"


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def configure(folder: Path):
    """Write configuration, key and devices. Job steps look for a configuration in /etc/slurm only: it is linked there."""
    nodes = node_names()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 1024
    facts = {"host": nodes[0], "nodes": nodes, "folder": folder, "ports": free_ports(3), "cores": os.cpu_count(), "memory": memory}
    for name, text in CONFIGURATION.items():
        (folder / name).write_text(text.format(**facts))
        (SYSTEM / name).symlink_to(folder / name)
    for name in ("ctld", *nodes):
        (folder / name).mkdir()
    for name in ("gpu0", "gpu1"):
        os.mknod(folder / name, 0o20666, NULL_DEVICE)
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(1024))


def start(folder: Path):
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
    options = [f"--{option}={folder / name}" for option, name in files.items()]
    subprocess.run([find("munged"), "--force", *options], check=True, capture_output=True)
    for daemon, *options in (["slurmctld"], *(["slurmd", "-N", node] for node in node_names())):
        subprocess.run([find(daemon), "-f", folder / "slurm.conf", *options], check=True, capture_output=True)
    for _ in range(1500):
        if ask("sinfo", "--Node", "--noheader", "--format=%T").split() == ["idle", "idle"]:
            return
        time.sleep(0.2)
    raise RuntimeError(f"the nodes do not come up; see the *.log in {folder}")


def stop(folder: Path):
    unlink_configuration()
    for name in (*node_names(), "slurmctld", "munge"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((folder / f"{name}.pid").read_text()), 15)


def ask(*command: str) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(command, capture_output=True, text=True, timeout=600).stdout.strip()


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[None]:
    """Start the cluster with its state in `folder`, which should be on a short path, and stop it and its jobs again."""
    SYSTEM.mkdir(exist_ok=True)
    folder.chmod(0o755)
    try:
        configure(folder)
        start(folder)
        yield
        ask("scancel", "--user", "root")
    finally:
        stop(folder)
