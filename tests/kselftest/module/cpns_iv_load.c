// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests only: encrypts in kernel threads through cpns(gcm(aes)), by the
 * public crypto API and as any other user of the kernel's, and records each IV
 * that comes out. iv_unique.c runs it beside sockets, messages and IPsec.
 *
 * One open file is one record. A run belongs to the task that asks for it:
 * setkey happens in its context; threads end before the ioctl does.
 */
#include <crypto/aead.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "cpns_iv_load.h"

#define IV_BYTES	12
#define TEXT_BYTES	16
#define TAG_BYTES	16
#define BUFFER_BYTES	(IV_BYTES + TEXT_BYTES + TAG_BYTES)
#define COUNTER_MASK	GENMASK_ULL(47, 0)

struct iv_record {
	struct mutex	lock;		/* one run at a time */
	u32		bits;
	unsigned long	*seen;		/* vmalloc; by set_bit, no lock */
};

struct iv_thread {
	struct iv_record	*record;
	struct crypto_aead	*tfm;
	struct task_struct	*task;
	u16			sid;
	u32			count;
	u32			done, failed, repeated, odd;
	int			error;
};

static void iv_take(struct iv_thread *thread, const u8 *iv)
{
	u64 word, counter;
	__be64 big;

	memcpy(&big, iv + IV_BYTES - sizeof(big), sizeof(big));
	word = be64_to_cpu(big);
	counter = word & COUNTER_MASK;
	if (memchr_inv(iv, 0, IV_BYTES - sizeof(big)) ||
	    word >> 48 != thread->sid || !counter ||
	    counter >= thread->record->bits)
		thread->odd++;
	else if (test_and_set_bit(counter, thread->record->seen))
		thread->repeated++;
}

static int iv_encrypt(struct iv_thread *thread, struct aead_request *req,
		      u8 *buffer)
{
	DECLARE_CRYPTO_WAIT(wait);
	struct scatterlist sg;
	u8 no_iv[IV_BYTES] = {};

	memset(buffer, 0, BUFFER_BYTES);
	sg_init_one(&sg, buffer, BUFFER_BYTES);
	aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP |
				  CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	aead_request_set_crypt(req, &sg, &sg, IV_BYTES + TEXT_BYTES, no_iv);
	aead_request_set_ad(req, 0);
	return crypto_wait_req(crypto_aead_encrypt(req), &wait);
}

static int iv_thread_run(void *context)
{
	struct iv_thread *thread = context;
	struct aead_request *req;
	u8 *buffer;
	u32 i;
	int err;

	req = aead_request_alloc(thread->tfm, GFP_KERNEL);
	buffer = kmalloc(BUFFER_BYTES, GFP_KERNEL);
	if (!req || !buffer)
		thread->error = -ENOMEM;
	for (i = 0; req && buffer && i < thread->count; i++) {
		err = iv_encrypt(thread, req, buffer);
		if (err) {
			thread->failed++;
			thread->error = thread->error ?: err;
		} else {
			thread->done++;
			iv_take(thread, buffer);
		}
		if (i % 64 == 0)
			cond_resched();
	}
	kfree(buffer);
	aead_request_free(req);

	/* its task is waited for by kthread_stop() */
	set_current_state(TASK_INTERRUPTIBLE);
	while (!kthread_should_stop()) {
		schedule();
		set_current_state(TASK_INTERRUPTIBLE);
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* In the caller's context: the template looks at the caller's rights. */
static int iv_thread_prepare(struct iv_thread *thread,
			     struct iv_record *record,
			     const struct cpns_iv_load *load)
{
	int err;

	thread->record = record;
	thread->count = load->count;
	thread->sid = load->handle[8] << 8 | load->handle[9];
	thread->tfm = crypto_alloc_aead("cpns(gcm(aes))", 0, 0);
	if (IS_ERR(thread->tfm)) {
		err = PTR_ERR(thread->tfm);
		thread->tfm = NULL;
		return err;
	}
	err = crypto_aead_setkey(thread->tfm, load->handle,
				 sizeof(load->handle));
	return err ?: crypto_aead_setauthsize(thread->tfm, TAG_BYTES);
}

static int iv_run(struct iv_record *record, struct cpns_iv_load *load)
{
	struct iv_thread *thread;
	unsigned int i;
	int err = 0;

	thread = kcalloc(load->threads, sizeof(*thread), GFP_KERNEL);
	if (!thread)
		return -ENOMEM;
	for (i = 0; i < load->threads && !err; i++)
		err = iv_thread_prepare(&thread[i], record, load);
	for (i = 0; i < load->threads && !err; i++) {
		thread[i].task = kthread_create(iv_thread_run, &thread[i],
						"cpns-iv/%u", i);
		if (IS_ERR(thread[i].task)) {
			err = PTR_ERR(thread[i].task);
			thread[i].task = NULL;
		}
	}
	for (i = 0; i < load->threads && !err; i++)
		wake_up_process(thread[i].task);
	for (i = 0; i < load->threads; i++) {
		if (thread[i].task)
			kthread_stop(thread[i].task);
		crypto_free_aead(thread[i].tfm);
		load->done += thread[i].done;
		load->failed += thread[i].failed;
		load->repeated += thread[i].repeated;
		load->odd += thread[i].odd;
		load->error = load->error ?: thread[i].error;
	}
	kfree(thread);
	return err;
}

static long iv_ioctl(struct file *file, unsigned int command,
		     unsigned long argument)
{
	struct iv_record *record = file->private_data;
	void __user *user = (void __user *)argument;
	struct cpns_iv_load load;
	int err = 0;

	if (command != CPNS_IV_LOAD_RUN)
		return -ENOTTY;
	if (copy_from_user(&load, user, sizeof(load)))
		return -EFAULT;
	if (!load.threads || load.threads > CPNS_IV_LOAD_THREADS ||
	    !load.bits || load.bits > CPNS_IV_LOAD_BITS)
		return -EINVAL;
	load.done = 0;
	load.failed = 0;
	load.repeated = 0;
	load.odd = 0;
	load.error = 0;

	mutex_lock(&record->lock);
	if (!record->seen) {
		record->bits = load.bits;
		record->seen = vzalloc(BITS_TO_LONGS(load.bits) *
				       sizeof(unsigned long));
	}
	if (!record->seen)
		err = -ENOMEM;
	else if (record->bits != load.bits)
		err = -EINVAL;
	else
		err = iv_run(record, &load);
	mutex_unlock(&record->lock);

	if (!err && copy_to_user(user, &load, sizeof(load)))
		err = -EFAULT;
	return err;
}

static ssize_t iv_read(struct file *file, char __user *user, size_t size,
		       loff_t *offset)
{
	struct iv_record *record = file->private_data;
	ssize_t ret = 0;

	mutex_lock(&record->lock);
	if (record->seen)
		ret = simple_read_from_buffer(user, size, offset, record->seen,
					      BITS_TO_LONGS(record->bits) *
					      sizeof(unsigned long));
	mutex_unlock(&record->lock);
	return ret;
}

static int iv_open(struct inode *inode, struct file *file)
{
	struct iv_record *record = kzalloc(sizeof(*record), GFP_KERNEL);

	if (!record)
		return -ENOMEM;
	mutex_init(&record->lock);
	file->private_data = record;
	return 0;
}

static int iv_release(struct inode *inode, struct file *file)
{
	struct iv_record *record = file->private_data;

	vfree(record->seen);
	kfree(record);
	return 0;
}

static const struct file_operations iv_operations = {
	.owner		= THIS_MODULE,
	.open		= iv_open,
	.release	= iv_release,
	.read		= iv_read,
	.unlocked_ioctl	= iv_ioctl,
	.llseek		= default_llseek,
};

static struct miscdevice iv_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "cpns_iv_load",
	.fops	= &iv_operations,
	.mode	= 0600,
};

module_misc_device(iv_device);
MODULE_DESCRIPTION("Encryptions in kernel threads, for the tests of cpns_group");
MODULE_LICENSE("GPL");
