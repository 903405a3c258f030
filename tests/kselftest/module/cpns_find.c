// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: looks for bytes in what the kernel keeps in its memory, as
 * whoever could read all of it would: every page of the slab allocator,
 * whether its objects are in use or were freed, and the kernel stack of the
 * caller. secrets_wiped.c asks it for keys.
 *
 * What the caller had in its registers as a program stands in its task_struct
 * and does not count. Pages come and go meanwhile: what is found stands there,
 * what came in the same moment may be missed. Reads only.
 */
#include <linux/fs.h>
#include <linux/memory_hotplug.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "cpns_find.h"

/* a task_struct is as large as the registers make it: this or less */
#define FIND_TASK	(16 * 1024)

struct find_word {
	u32	value;
} __packed;

static u32 find_word(const u8 *at)
{
	return ((const struct find_word *)at)->value;
}

static bool find_is_at(const u8 *at, const u8 *complement)
{
	const u8 *task = (const u8 *)current;
	unsigned int i = 0;

	if (at >= task && at < task + FIND_TASK)
		return false;

	while (i < CPNS_FIND_PIECE && at[i] == (u8)~complement[i])
		i++;
	return i == CPNS_FIND_PIECE;
}

static void find_tell(const u8 *at)
{
	if (virt_addr_valid(at)) {
		pr_info("cpns_find: a piece is in this object:\n");
		kmem_dump_obj((void *)at);
	} else {
		pr_info("cpns_find: a piece is on the stack\n");
	}
}

/* @end is one behind the last byte that may be looked at */
static u32 find_between(const struct cpns_find *find, const u8 *at,
			const u8 *end)
{
	const u8 *first = find->complement;
	const u8 *second = first + (find->pieces - 1) * CPNS_FIND_PIECE;
	u32 one = find_word(first);
	u32 other = find_word(second);
	u32 count = 0, here;

	for (; at + CPNS_FIND_PIECE <= end; at++) {
		here = ~find_word(at);
		if ((here != one || !find_is_at(at, first)) &&
		    (here != other || !find_is_at(at, second)))
			continue;
		count++;
		if (find->tell)
			find_tell(at);
	}
	return count;
}

static u32 find_in_slab(const struct cpns_find *find)
{
	unsigned long pfn;
	struct page *page, *next;
	u32 count = 0;
	u8 *start;
	int node;

	for_each_online_node(node)
		for (pfn = node_start_pfn(node); pfn < node_end_pfn(node); pfn++) {
			page = pfn_to_online_page(pfn);
			if (!page || !folio_test_slab(page_folio(page)))
				continue;
			cond_resched();
			start = page_address(page);
			/* a piece may reach into the next page of a slab */
			next = pfn_to_online_page(pfn + 1);
			count += find_between(find, start, start + PAGE_SIZE +
					      (next && page_folio(next) ==
					       page_folio(page) ?
					       CPNS_FIND_PIECE - 1 : 0));
		}
	return count;
}

static long find_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *where = (void __user *)arg;
	struct cpns_find find;
	u8 *stack = task_stack_page(current);

	if (cmd != CPNS_FIND_RUN)
		return -ENOTTY;
	if (copy_from_user(&find, where, sizeof(find)))
		return -EFAULT;
	if (find.pieces != 1 && find.pieces != 2)
		return -EINVAL;
	/* first, before looking writes over it */
	find.stack = find_between(&find, stack, stack + THREAD_SIZE);
	find.slab = find_in_slab(&find);
	return copy_to_user(where, &find, sizeof(find)) ? -EFAULT : 0;
}

static const struct file_operations find_operations = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= find_ioctl,
};

static struct miscdevice find_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "cpns_find",
	.fops	= &find_operations,
	.mode	= 0600,
};

module_misc_device(find_device);

MODULE_DESCRIPTION("Looks for bytes in the kernel's memory, for tests");
MODULE_AUTHOR("The cpns authors");
MODULE_LICENSE("GPL");
