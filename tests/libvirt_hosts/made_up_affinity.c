/* Preloaded into a libvirtd that was shown CPUs which are not there: a pin to them alone succeeds,
   and does nothing. A pin to CPUs of which some exist is the kernel's as ever. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *cpus)
{
    if (syscall(SYS_sched_setaffinity, pid, size, cpus) >= 0)
        return 0;
    if (errno != EINVAL) /* EINVAL: the kernel has none of these CPUs */
        return -1;
    errno = 0;
    return 0;
}
