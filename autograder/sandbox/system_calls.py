"""The system calls that a notebook may make, as a filter for the kernel.

Whatever is not listed answers "not implemented" (ENOSYS), as on a kernel that lacks the
call: libraries then take their other way. So new calls stay refused until someone has
thought about them. Names that an architecture does not have are left out there.
"""

import errno
import functools
import socket
import tempfile

FILES = """
access chdir chmod close close_range copy_file_range creat dup dup2 dup3 faccessat
faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fcntl fdatasync fgetxattr
flistxattr flock fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64
getxattr ioctl lgetxattr link linkat listxattr llistxattr lseek lstat mkdir mkdirat
newfstatat open openat pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead
readlink readlinkat readv rename renameat renameat2 rmdir sendfile splice stat statfs
statx symlink symlinkat tee truncate umask unlink unlinkat utime utimensat utimes write
writev
"""
WAITING = """
epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd
eventfd2 pause pipe pipe2 poll ppoll pselect6 select signalfd signalfd4 timerfd_create
timerfd_gettime timerfd_settime
"""
MEMORY = "brk madvise membarrier mincore mmap mprotect mremap msync munmap"
PROCESSES = """
arch_prctl capget capset execve execveat exit exit_group fork futex get_robust_list
getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority
getresgid getresuid getrlimit getrusage getsid gettid getuid kill pidfd_open
pidfd_send_signal prctl prlimit64 rseq sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_setaffinity
sched_yield set_robust_list set_tid_address setgid setgroups setpgid setpriority
setregid setresgid setresuid setreuid setrlimit setsid setuid sysinfo tgkill times tkill
uname vfork wait4 waitid
"""
SIGNALS = """
alarm getitimer restart_syscall rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait setitimer sigaltstack
"""
TIME = """
clock_getres clock_gettime clock_nanosleep getrandom gettimeofday nanosleep time
timer_create timer_delete timer_getoverrun timer_gettime timer_settime
"""
LOCAL_SOCKETS = """
accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg
recvmsg sendmmsg sendmsg sendto setsockopt shutdown
"""
ALLOWED = (FILES, WAITING, MEMORY, PROCESSES, SIGNALS, TIME, LOCAL_SOCKETS)

# the flags of clone that ask for a namespace of its own (linux/sched.h)
NEW_NAMESPACES = 0x7E020000


@functools.cache
def filter_program() -> bytes:
    """The filter as a BPF program; raises OSError or ImportError without libseccomp."""
    import pyseccomp as seccomp

    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    for name in " ".join(ALLOWED).split():
        if _exists(seccomp, name):
            rules.add_rule(seccomp.ALLOW, name)
    no_namespace = seccomp.Arg(0, seccomp.MASKED_EQ, NEW_NAMESPACES, 0)
    rules.add_rule(seccomp.ALLOW, "clone", no_namespace)
    for name in ("socket", "socketpair"):
        local = seccomp.Arg(0, seccomp.EQ, socket.AF_UNIX)
        other = seccomp.Arg(0, seccomp.NE, socket.AF_UNIX)
        rules.add_rule(seccomp.ALLOW, name, local)
        rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), name, other)
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _exists(seccomp, name):
    """Whether this architecture has the call; older libseccomp may not know it."""
    return seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) >= 0
