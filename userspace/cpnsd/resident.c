// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an idle gateway's daemon keeps resident.
 *
 * Most of what OpenSSL and the other libraries touch is code and constants of
 * a start or a handshake; hours may go by until the next one, on a device
 * with little memory.  Once a minute these pages are given back: they are
 * files' pages, unchanged, and come again when they are used.
 *
 * The loop's thread.
 */
#include "resident.h"

#include <link.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define EACH	60	/* s */

static struct loop_timer timer;

/* code that the linker had to change is no file's page any more */
static bool is_changed(const struct dl_phdr_info *object)
{
	typeof(((struct link_map *)0)->l_ld) entry;
	size_t i;

	for (i = 0; i < object->dlpi_phnum; i++) {
		if (object->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		entry = (void *)(object->dlpi_addr +
				 object->dlpi_phdr[i].p_vaddr);
		for (; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL ||
			    (entry->d_tag == DT_FLAGS &&
			     entry->d_un.d_val & DF_TEXTREL))
				return true;
	}
	return false;
}

/* whole pages of segments that nothing writes to; RELRO is no such segment */
static int give_back(struct dl_phdr_info *object, size_t size, void *context)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	typeof(object->dlpi_phdr) segment;
	uintptr_t from, to;
	size_t i;

	if (is_changed(object))
		return 0;
	for (i = 0; i < object->dlpi_phnum; i++) {
		segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		from = object->dlpi_addr + segment->p_vaddr;
		to = from + segment->p_memsz;
		from = (from + page - 1) & ~(page - 1);
		to &= ~(page - 1);
		/* the vDSO's are the kernel's: it refuses */
		if (from < to)
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

/**
 * resident_give_back() - let go of pages that can be read again
 *
 * Those of code and constants of the program and its libraries, and what
 * malloc() holds without need.  Any thread; others go on meanwhile.
 */
void resident_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	dl_iterate_phdr(give_back, NULL);
}

static void fire(void *context)
{
	resident_give_back();
	loop_timer_start(&timer, EACH);
}

/**
 * resident_start() - do so once a minute
 * @loop: runs until resident_stop()
 */
void resident_start(struct loop *loop)
{
	loop_timer_init(loop, &timer, fire, NULL);
	loop_timer_start(&timer, EACH);
}

/**
 * resident_stop() - end that; also where it was not started
 */
void resident_stop(void)
{
	loop_timer_stop(&timer);
}
