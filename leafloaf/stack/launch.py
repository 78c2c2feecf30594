"""The last step before a child becomes its program. Run as a script, with the standard library alone.

    launch.py PARENT DEATH_SIGNAL IDENTITY COMMAND…

It gives the child default signals (a parent that ignores SIGINT would pass that on), an identity that
Postgres accepts, and on Linux a signal when its parent dies, however the parent dies. Done here and not
between fork and exec, because code there may dead-lock when the parent has threads.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
UNPRIVILEGED = 65534


def reset_signals() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGPIPE", "SIGXFSZ"):
        signal.signal(signal.Signals[name], signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def become(identity: str) -> None:
    """`same`, `namespace` (root outside, nobody inside) or `UID:GID`."""
    if identity == "namespace":
        enter_user_namespace()
    elif identity != "same":
        user, group = map(int, identity.split(":"))
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)


def enter_user_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not permitted here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{UNPRIVILEGED} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{UNPRIVILEGED} {group} 1")


def die_with_parent(parent: int, death_signal: int) -> None:
    """Asked for last, since changing the identity clears it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")


def main(parent: str, death_signal: str, identity: str, *command: str) -> None:
    reset_signals()
    become(identity)
    die_with_parent(int(parent), int(death_signal))
    os.execvp(command[0], command)  # noqa: S606 (a shell is what is not wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
