// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a system call, one of whose allocations fails:
 *
 *	attempt N load FILE [PARAMETERS]
 *	attempt N unload MODULE
 *	attempt N read FILE
 *
 * prints the errno (0 for none) and what is left of N: where it is not 0, the call
 * made fewer allocations. The kernel counts those of the task that asked for it
 * only, so it has to be the one that makes the call. Made with the kernel's nolibc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail_nth = -1;

static void arm(const char *n)
{
	fail_nth = open("/proc/self/fail-nth", O_RDWR);
	if (fail_nth < 0 || write(fail_nth, n, strlen(n)) < 0) {
		perror("/proc/self/fail-nth");
		exit(2);
	}
}

static int load(const char *n, const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		perror(file);
		exit(2);
	}
	arm(n);
	return syscall(__NR_finit_module, fd, parameters, 0);
}

static int unload(const char *n, const char *module)
{
	arm(n);
	return syscall(__NR_delete_module, module, O_NONBLOCK);
}

static int read_all(const char *n, const char *file)
{
	static char buffer[4096];
	int fd, got;

	arm(n);
	fd = open(file, O_RDONLY);
	if (fd < 0)
		return fd;
	do {
		got = read(fd, buffer, sizeof(buffer));
	} while (got > 0);
	close(fd);
	return got;
}

int main(int argc, char **argv)
{
	char left[16] = "";
	int result = -1, error;

	if (argc > 3 && !strcmp(argv[2], "load"))
		result = load(argv[1], argv[3], argc > 4 ? argv[4] : "");
	else if (argc > 3 && !strcmp(argv[2], "unload"))
		result = unload(argv[1], argv[3]);
	else if (argc > 3 && !strcmp(argv[2], "read"))
		result = read_all(argv[1], argv[3]);
	else
		return 2;
	error = result < 0 ? errno : 0;
	if (read(fail_nth, left, sizeof(left) - 1) <= 0)
		return 2;
	write(fail_nth, "0", 1);
	printf("%d %d\n", error, atoi(left));
	return 0;
}
