"""Programs that run another one, named by their arguments, where the kernel refuses to make namespaces."""

# In a user namespace whose own limit of namespaces is 0, the kernel itself refuses to make one more.
WITHOUT_NAMESPACES = """
import os, sys
from pathlib import Path
from sandbox.guest import syscalls
from sandbox.guest.inside import _keep_user
user, group = os.geteuid(), os.getegid()
syscalls.unshare(syscalls.NEW_USER)
_keep_user(user, group)
Path("/proc/sys/user/max_user_namespaces").write_text("0")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

# A seccomp filter that answers unshare with EPERM, as the default profile of containers does: the program is four
# instructions of classic BPF (load the system call's number; if it is unshare's, return the error; else allow).
WITH_A_CONTAINERS_PROFILE = """
import ctypes, os, platform, struct, sys
unshare = {"x86_64": 272, "aarch64": 97, "riscv64": 97}[platform.machine()]
program = b"".join(struct.pack("HBBI", *instruction) for instruction in (
    (0x20, 0, 0, 0), (0x15, 0, 1, unshare), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)))
buffer = ctypes.create_string_buffer(program)
header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(header))) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
